import { ApolloProvider } from '@apollo/client/react';
import { useState } from 'react';
import { createRoot } from 'react-dom/client';
import { SignedIn } from '../session';
import '../style.css';
import { client } from './client';
import { Live } from './Live';
import { Patient } from './Patient';
import { Patients } from './Patients';

function App() {
  const [selected, setSelected] = useState<string>();
  return (
    <ApolloProvider client={client}>
      <Patients selected={selected} onSelect={setSelected} />
      {selected ? <Patient id={selected} /> : <section><p>Choose a patient.</p></section>}
      <Live />
    </ApolloProvider>
  );
}

createRoot(document.getElementById('root')!).render(
  <SignedIn title="Front desk">
    <App />
  </SignedIn>,
);
