// Every audit of GraphQL over HTTP that graphql-http has for servers. All of
// them must be ok: a notice or a warning fails as an error does.
import { serverAudits } from 'graphql-http';

const token = 'sandbox-practitioner';
const expected = 61;

const audits = serverAudits({
  url: process.env.GATEWAY_URL,
  fetchFn: (url, init = {}) => fetch(url, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
});

let ok = 0;
for (const audit of audits) {
  const result = await audit.fn();
  if (result.status === 'ok') {
    ok++;
    continue;
  }
  console.error(`${result.status} ${result.id} ${result.name}: ${result.reason}`);
}
console.log(`audits of graphql-http: ${ok} of ${audits.length} ok`);
if (ok !== expected || audits.length !== expected) process.exitCode = 1;
