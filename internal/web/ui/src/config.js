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

/** An example as a tab. */
export const tabOf = ({ query, variables }) => ({
  query: query.replaceAll('http://127.0.0.1:8080', address),
  variables: variables || null,
  headers: defaultHeaders,
});

const examples = page.examples ?? [];

/** The tabs to start with. */
export const exampleTabs = examples.filter(e => e.area === 'start').map(tabOf);

/** The other examples by area: [{name, examples}]. */
export const areas = Object.entries(Object.groupBy(examples.filter(e => e.area !== 'start'), e => e.area)).map(([area, examples]) => ({
  name: area[0].toUpperCase() + area.slice(1).replaceAll('-', ' '),
  examples,
}));
