// A real OpenID provider on the loopback: one client, JWT access tokens for any resource that is asked for.
// Configured by PROVIDER (JSON): port, keys (private JWKs, the first signs), ttl.

import Provider from 'oidc-provider';

const { port, keys, ttl } = JSON.parse(process.env.PROVIDER);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: { keys },
  clients: [
    {
      client_id: 'find-them',
      client_secret: 'a-secret-of-the-tests-alone',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: keys[0].alg,
    },
  ],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, audience) => ({
        audience,
        scope: '',
        accessTokenTTL: ttl,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: keys[0].alg } },
      }),
    },
  },
});

provider.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
