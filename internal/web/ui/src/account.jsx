// Who is signed in, by a cookie that this page cannot read: the gateway is asked.
import { useEffect, useState } from 'react';
import { endpoint, session, signIn } from './config.js';

const REASONS = {
  access_denied: 'Sign-in was declined.',
  server_error: 'Fullscript could not sign you in. Try again.',
  temporarily_unavailable: 'Fullscript is not available at the moment. Try again later.',
  code_refused: 'The partner did not accept the sign-in.',
  unavailable: 'Sign-in is not possible at the moment.',
};

/** Why the sign-in that led here failed, if it did. The address forgets it. */
function failure() {
  const address = new URL(location.href);
  const reason = address.searchParams.get('signin_error');
  if (reason === null) return undefined;
  address.searchParams.delete('signin_error');
  history.replaceState(null, '', address);
  return REASONS[reason] ?? 'Sign-in did not work.';
}

const problem = failure();

/** The name of the signed-in user. The partner is asked for it: it is not in the session. */
async function nameOfViewer() {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      query: '{ viewer { practitioner { firstName lastName } staff { firstName lastName } } }',
    }),
  });
  const { data } = await response.json();
  const person = data?.viewer?.practitioner ?? data?.viewer?.staff;
  return person ? [person.firstName, person.lastName].filter(Boolean).join(' ') : undefined;
}

async function signOut() {
  await fetch('oauth/logout', { method: 'POST' });
  location.reload();
}

export function Account() {
  const [name, setName] = useState(session.owner?.type ?? 'a user');
  useEffect(() => {
    if (session.signedIn) nameOfViewer().then(known => known && setName(known), () => {});
  }, []);
  if (!signIn) return null;
  return (
    <span className="page-account">
      {session.signedIn ? (
        <>
          <span>Signed in as {name}</span>
          <button type="button" className="graphiql-un-styled" onClick={signOut}>
            Sign out
          </button>
        </>
      ) : (
        <>
          {problem && <span role="alert">{problem}</span>}
          <a href={`oauth/login?${new URLSearchParams({ return_to: location.pathname })}`}>Sign in</a>
        </>
      )}
    </span>
  );
}
