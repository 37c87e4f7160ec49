"""`python3 -m gateway.audit`: the outsider's command, on a Python that has cryptography and nothing else. Knows no other part of ours.

It does what `python3 -m gateway audit verify` does but for --decisions, which needs the policies and Casbin."""

import argparse
import json
import os
import sys
from pathlib import Path

from gateway.audit.errors import AuditError
from gateway.audit.source import TOKEN_VARIABLE, token_from, verify_source


def main(arguments: list[str] | None = None) -> int:
    """Verify, print what was found, and return the exit status: 0 all holds, 1 something does not, 2 it could not be checked."""
    asked = argparse.ArgumentParser(prog="python3 -m gateway.audit", description="Check an audit log from its bytes and one key alone.")
    asked.add_argument("source", metavar="DIR|BUNDLE.zip|URL", help="an export, an evidence bundle, or the address of a log: …/audit")
    asked.add_argument("--key", required=True, help="the log's verifier key, or a file that holds it; never the one in the export")
    asked.add_argument("--since", type=Path, help="an older checkpoint that the log must extend")
    asked.add_argument("--policy", type=Path, help="a tlog-policy: whose cosignatures the checkpoint must carry")
    asked.add_argument("--in-flight", type=float, default=0.0, metavar="SECONDS", help="how old a search without an end may be")
    asked.add_argument("--tsa-cert", type=Path, metavar="FILE", help="the time-stamping authority's certificate (PEM), for anchor entries")
    asked.add_argument("--token", help=f"an auditor's token, for an address; better in {TOKEN_VARIABLE} or a file")
    asked.add_argument("--token-file", type=Path, help="a file that holds the token")
    asked.add_argument("--json", action="store_true", help="print JSON instead of text")
    options = asked.parse_args(arguments)
    try:
        report = verify_source(
            options.source,
            options.key,
            since=options.since,
            policy=options.policy,
            in_flight=options.in_flight,
            token=token_from(options.token, options.token_file, os.environ),
            tsa_cert=options.tsa_cert,
        )
    except AuditError as wrong:
        print(f"{wrong.code}: {wrong.sentence}", file=sys.stderr)  # noqa: T201 - a command's answer
        return 2
    print(json.dumps(report.as_json()) if options.json else "\n".join(report.lines()))  # noqa: T201 - a command's answer
    return report.exit_status


if __name__ == "__main__":
    sys.exit(main())
