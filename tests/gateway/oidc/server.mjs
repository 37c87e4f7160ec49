// A real OpenID provider on the loopback: JWT access tokens for any resource that is asked for, and people who sign in by naming themselves.
// Configured by PROVIDER (JSON): host (by which it is known), port, keys (private JWKs, the first signs), ttl, callback (of the client `console`, if it is there).

import http from 'node:http';

import Provider from 'oidc-provider';

const { host, port, keys, ttl, callback } = JSON.parse(process.env.PROVIDER);

const provider = new Provider(`http://${host}:${port}`, {
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
    ...(callback
      ? [
          {
            client_id: 'console',
            client_secret: 'another-secret-of-the-tests',
            grant_types: ['authorization_code'],
            redirect_uris: [callback],
            response_types: ['code'],
            id_token_signed_response_alg: keys[0].alg,
          },
        ]
      : []),
  ],
  // Whoever signs in agrees: the console asks for nothing but who they are.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
    grant.addOIDCScope('openid');
    await grant.save();
    return grant;
  },
  interactions: { url: (_ctx, interaction) => `/who/${interaction.uid}` },
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

const serve = provider.callback();

// The provider's sign-in page: GET /who/UID asks, GET /who/UID?name=N answers; without a name, the person has refused.
async function who(request, response) {
  const asked = new URL(request.url, `http://${host}:${port}`).searchParams.get('name');
  if (asked === null) {
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><title>Who</title><form><label>Name <input name="name"></label><button>Sign in</button></form>');
  } else if (asked === '') {
    await provider.interactionFinished(request, response, { error: 'access_denied', error_description: '<script>alert(1)</script> No.' });
  } else {
    await provider.interactionFinished(request, response, { login: { accountId: asked } });
  }
}

const server = http.createServer((request, response) => (request.url.startsWith('/who/') ? who(request, response) : serve(request, response)));

server.listen(port, '127.0.0.1', () => process.stdout.write('ready\n'));
