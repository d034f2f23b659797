// Who is signed in. The tokens stay in the gateway; the page has a cookie that it cannot
// read, which `credentials: 'include'` sends.
import { type ReactNode, useEffect, useState } from 'react';
import { gateway } from './gateway';

type Session = { signedIn: boolean; owner?: { type: string } };

const here = () => location.origin + location.pathname;

/** Shows its children to those who are signed in, and to others how to. */
export function SignedIn({ title, children }: { title: string; children: ReactNode }) {
  const [session, setSession] = useState<Session>();
  const [failure, setFailure] = useState(new URLSearchParams(location.search).get('signin_error'));
  useEffect(() => {
    fetch(`${gateway}/oauth/session`, { credentials: 'include' })
      .then(response => response.json())
      .then(setSession, () => setFailure(`${gateway} cannot be reached. It has to know this page: --cors-origins ${location.origin}`));
  }, []);

  async function signOut() {
    await fetch(`${gateway}/oauth/logout`, { method: 'POST', credentials: 'include' });
    location.reload();
  }

  return (
    <>
      <header>
        <h1>{title}</h1>
        <nav>
          <a href="/">Apollo</a> <a href="/urql.html">urql</a> <a href="/relay.html">Relay</a>
        </nav>
        {session?.signedIn && (
          <p>
            Signed in as {session.owner?.type.toLowerCase()} <button onClick={signOut}>Sign out</button>
          </p>
        )}
      </header>
      {failure && <p role="alert">{failure}</p>}
      {session?.signedIn && <main>{children}</main>}
      {session && !session.signedIn && (
        <main className="welcome">
          <p>Patients, their plans and what is in them, from one GraphQL endpoint.</p>
          <a className="button" href={`${gateway}/oauth/login?return_to=${encodeURIComponent(here())}`}>
            Sign in with Fullscript
          </a>
        </main>
      )}
    </>
  );
}
