// What the gateway wrote into the page: {endpoint, token, signIn, examples}.
const page = JSON.parse(document.getElementById('config').textContent);

/** Where queries go, absolute. */
export const endpoint = new URL(page.endpoint, document.baseURI).href;

/** Whether users can sign in. */
export const signIn = Boolean(page.signIn);

/** What the gateway says of this browser: {signedIn, owner, ends}. */
export const session = signIn ? await fetch('oauth/session').then(r => r.json(), () => ({})) : {};

/** What the headers editor starts with: the sandbox's token, or a place for one's own. A session needs neither. */
export const defaultHeaders = session.signedIn ? '' : JSON.stringify({ Authorization: `Bearer ${page.token ?? ''}` }, null, 2);

/** Whether there is something to start with. */
export const hasToken = Boolean(page.token || session.signedIn);

/** The gateway's own address, which the examples write as the one that it has by default. */
const address = new URL('.', document.baseURI).href.replace(/\/$/, '');

/** One tab for each example. */
export const exampleTabs = (page.examples ?? []).map(({ query, variables }) => ({
  query: query.replaceAll('http://127.0.0.1:8080', address),
  variables: variables || null,
  headers: defaultHeaders,
}));
