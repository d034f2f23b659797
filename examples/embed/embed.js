// A frontend without a backend. The gateway holds the tokens; this page has a cookie
// that it cannot see. Whatever comes from outside is shown as text, never as markup.
import { gateway, sdk } from './settings.js';

const $ = id => document.getElementById(id);

/** Makes an element of texts and other elements. */
function element(name, properties, ...children) {
  const e = Object.assign(document.createElement(name), properties);
  e.append(...children);
  return e;
}

// GraphQL

class Refused extends Error {
  constructor([{ message, extensions }]) {
    super(message);
    this.code = extensions?.code;
  }
}

async function send(path, options) {
  try {
    return await fetch(gateway + path, { credentials: 'include', ...options }); // with the session's cookie
  } catch {
    throw new Refused([{ message: `The gateway at ${gateway} cannot be reached from ${location.origin}.` }]);
  }
}

const post = (query, variables, headers = {}) =>
  send('/graphql', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers }, // a type that no foreign form can have
    body: JSON.stringify({ query, variables }),
  });

async function ask(query, variables) {
  const { data, errors } = await (await post(query, variables)).json();
  if (errors) throw new Refused(errors);
  return data;
}

/** What a subscription tells, as it comes: server-sent events, of which only data is of use here. */
async function* subscribe(query, variables, opened) {
  const response = await post(query, variables, { Accept: 'text/event-stream' });
  if (!response.headers.get('Content-Type')?.startsWith('text/event-stream')) throw new Refused((await response.json()).errors);
  opened();
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  try {
    for (let text = ''; ; ) {
      const { value, done } = await reader.read();
      if (done) return;
      const events = (text + value).split('\n\n');
      text = events.pop(); // not whole yet
      for (const event of events) {
        const field = name => event.split('\n').find(line => line.startsWith(`${name}: `))?.slice(name.length + 2);
        if (field('event') === 'complete') return;
        if (field('event') === 'next') yield JSON.parse(field('data'));
      }
    }
  } finally {
    void reader.cancel().catch(() => {});
  }
}

// Signing in

const here = location.origin + location.pathname;
$('sign-in').href = `${gateway}/oauth/login?return_to=${encodeURIComponent(here)}`;
$('sign-out').addEventListener('click', () =>
  attempt(async () => {
    await send('/oauth/logout', { method: 'POST' });
    sessionStorage.clear();
    location.replace(here);
  }),
);

const reasons = { access_denied: 'Sign-in was declined.', code_refused: 'Sign-in took too long: try again.', unavailable: 'Fullscript does not answer: try again.' };

const fullName = person => [person?.firstName, person?.lastName].filter(Boolean).join(' ');

async function begin() {
  const failed = new URLSearchParams(location.search).get('signin_error');
  if (failed) {
    tell(reasons[failed] ?? 'Sign-in failed.');
    history.replaceState(null, '', here);
  }
  const session = await (await send('/oauth/session')).json();
  if (!session.signedIn) {
    signedOut();
    return;
  }
  const { viewer } = await ask('{ viewer { practitioner { firstName lastName } staff { firstName lastName } clinic { name } } }');
  const name = fullName(viewer.practitioner ?? viewer.staff);
  $('viewer').textContent = [name, viewer.clinic?.name].filter(Boolean).join(', ');
  $('account').hidden = false;
  $('signed-in').hidden = false;
  void watch();
}

function signedOut() {
  $('account').hidden = true;
  $('signed-in').hidden = true;
  $('signed-out').hidden = false;
}

function tell(message) {
  $('trouble').textContent = message;
  $('trouble').hidden = !message;
}

/** Does something that may fail, and says so. */
async function attempt(something) {
  tell('');
  try {
    return await something();
  } catch (e) {
    if (e.code === 'UNAUTHENTICATED') signedOut();
    tell(e.message);
  }
}

// Patients

const search = `query ($words: String!) {
  searchPatients(query: $words, first: 8) { totalCount nodes { id firstName lastName email } }
}`;

$('search').addEventListener('submit', submitted => {
  submitted.preventDefault();
  void attempt(async () => {
    const { totalCount, nodes } = (await ask(search, { words: $('words').value })).searchPatients;
    $('patients').replaceChildren(
      ...nodes.map(patient => {
        const name = fullName(patient);
        const button = element('button', { type: 'button', ariaLabel: `Prescribe for ${name}` }, 'Prescribe');
        button.addEventListener('click', () => attempt(() => prescribe(patient.id)));
        return element('li', {}, element('span', {}, name, element('small', {}, patient.email ?? '')), button);
      }),
    );
    $('found').textContent = totalCount > nodes.length ? `The first ${nodes.length} of ${totalCount}.` : nodes.length === 0 ? 'Nobody by that name.' : '';
  });
});

// The partner's tool

const details = `query ($id: ID!) {
  patient(id: $id) { fullscriptId firstName lastName email dateOfBirth gender mobileNumber }
}`;

const grant = 'mutation { createSessionGrant(input: {}) { sessionGrant { secretToken } userErrors { message } } }';

async function prescribe(patientId) {
  const { patient } = await ask(details, { id: patientId });
  $('tool-heading').textContent = `Treatment plan for ${fullName(patient)}`;
  await (globalThis.Fullscript ? openWithSdk : openInFrame)(patient);
  $('prescribing').scrollIntoView({ behavior: 'smooth', block: 'start' });
}

/** Asked for last: the secret opens the tool once, within two minutes, and is kept nowhere. */
async function secretToken() {
  const { sessionGrant, userErrors } = (await ask(grant)).createSessionGrant;
  if (userErrors.length > 0) throw new Refused(userErrors);
  return sessionGrant.secretToken;
}

/** What the tool may know of a patient beforehand, in the SDK's words. */
function aboutPatient({ fullscriptId, gender, ...rest }) {
  const genders = { MALE: 'male', FEMALE: 'female', X: 'prefer not to say' };
  const about = { id: fullscriptId, ...rest, gender: genders[gender] };
  return Object.fromEntries(Object.entries(about).filter(([, value]) => value != null));
}

let fullscript;
let feature;

async function openWithSdk(patient) {
  fullscript ??= globalThis.Fullscript(sdk);
  feature?.unmount();
  $('tool').replaceChildren();
  feature = fullscript.create('treatmentPlan', { secretToken: await secretToken(), patient: aboutPatient(patient) });
  // At once, and on this page alone. The gateway's events are what a record can rest on.
  feature.on('patient.selected', ({ data }) => note('Selected in the tool', fullName(data.patient)));
  feature.on('treatmentPlan.activated', ({ data }) => note('Activated in the tool', fullName(data.treatmentPlan.patient)));
  await feature.mount('tool');
}

/**
 * What the SDK does, with the gateway's sandbox in the place of the partner's hosts,
 * which it has none of.
 */
async function openInFrame(patient) {
  const about = Object.entries(aboutPatient(patient)).map(([name, value]) => [name.replace(/[A-Z]/g, c => `_${c.toLowerCase()}`), value]);
  const told = await fetch(`${gateway}/api/embeddable/tokenize`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ data: Object.fromEntries(about) }),
  }).catch(() => undefined);
  if (!told?.ok) throw new Refused([{ message: 'This gateway has no sandbox in it: load the SDK, as README.md says.' }]);
  const parameters = new URLSearchParams({
    data_token: (await told.json()).data_token,
    public_key: sdk.publicKey,
    frame_id: crypto.randomUUID(),
    target_origin: location.origin,
    secret_token: await secretToken(),
  });
  const src = `${gateway}/api/embeddable/session/treatment_plans/new?${parameters}`;
  $('tool').replaceChildren(element('iframe', { title: 'Treatment plan tool', referrerPolicy: 'no-referrer', src }));
}

// Events

const events = `subscription ($after: ID) {
  events(after: $after) {
    id type createdAt
    data {
      ... on TreatmentPlanEventData { treatmentPlan { patient { firstName lastName } } }
      ... on PatientEventData { patient { firstName lastName } }
      ... on OrderEventData { order { orderNumber patient { firstName lastName } } }
    }
  }
}`;

const happened = {
  TREATMENT_PLAN_CREATED: 'Plan activated',
  TREATMENT_PLAN_UPDATED: 'Plan cancelled',
  TREATMENT_PLAN_RECOMMENDATION_UPDATED: 'Plan changed',
  PATIENT_CREATED: 'Patient added',
  PATIENT_UPDATED: 'Patient changed',
  ORDER_PLACED: 'Order placed',
};

/** Follows the clinic's events for as long as the page is open. */
async function watch() {
  for (let wait = 1; ; wait = Math.min(2 * wait, 30)) {
    try {
      // After the last event seen, nothing is missed while a connection is cut, or the page loaded again.
      const after = sessionStorage.getItem('after');
      for await (const { data, errors } of subscribe(events, { after }, () => ($('stream').textContent = 'live'))) {
        if (!data) throw new Refused(errors); // SUBSCRIPTION_LAGGED or SUBSCRIPTION_CLOSED: where it goes on is known
        const { id, type, createdAt, data: of } = data.events;
        sessionStorage.setItem('after', id);
        const { patient, orderNumber } = of?.treatmentPlan ?? of?.order ?? of ?? {};
        note(happened[type] ?? type, [fullName(patient), orderNumber].filter(Boolean).join(', '), createdAt);
        wait = 1;
      }
    } catch (e) {
      if (e.code === 'UNAUTHENTICATED') {
        signedOut();
        return;
      }
      if (e.code === 'BAD_USER_INPUT') sessionStorage.removeItem('after'); // older than the 30 days that are kept
    }
    $('stream').textContent = 'reconnecting …';
    await new Promise(done => setTimeout(done, wait * 1000));
  }
}

function note(what, of, at) {
  const time = at ? new Date(at) : new Date();
  $('events').prepend(
    element('li', {}, element('span', {}, element('strong', {}, what), ` ${of}`), element('time', { dateTime: time.toISOString() }, time.toLocaleTimeString())),
  );
}

void attempt(begin);
