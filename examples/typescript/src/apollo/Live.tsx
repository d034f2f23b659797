import { useSubscription } from '@apollo/client/react';
import { useState } from 'react';
import { graphql } from '../gql';

// The patient of each event has an id: the cache takes the change over, and what shows the
// patient is drawn again.
const updated = graphql(`
  subscription PatientUpdated($after: ID) {
    patientUpdated(after: $after) {
      event {
        id
        type
        createdAt
      }
      patient {
        id
        firstName
        lastName
      }
    }
  }
`);

type Line = { id: string; text: string };

export function Live() {
  const [lines, setLines] = useState<Line[]>([]);
  const [after, setAfter] = useState<string | null>(null);
  const { error, restart } = useSubscription(updated, {
    variables: { after },
    onData({ data: { data } }) {
      if (!data?.patientUpdated) return;
      const { event, patient } = data.patientUpdated;
      setLines(lines => [{ id: event.id, text: `${event.type}: ${patient?.firstName} ${patient?.lastName}` }, ...lines].slice(0, 8));
    },
    // A stream ends when the gateway is replaced or the session is over. What happened meanwhile
    // comes with the next one, which begins after the last event seen.
    onComplete() {
      setAfter(lines[0]?.id ?? null);
      restart();
    },
  });
  return (
    <aside aria-label="Live" aria-live="polite">
      <h2>Live {!error && <small>waiting for changes</small>}</h2>
      {error && <p role="alert">{error.message}</p>}
      <ul>
        {lines.map(line => (
          <li key={line.id}>{line.text}</li>
        ))}
      </ul>
    </aside>
  );
}
