import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import relay from 'vite-plugin-relay';

export default defineConfig({
  plugins: [relay, react()],
  // An address that browsers and the gateway's --cors-origins spell alike.
  server: { host: '127.0.0.1', port: 5173, strictPort: true },
  preview: { host: '127.0.0.1', port: 5173, strictPort: true },
  build: { rolldownOptions: { input: ['index.html', 'urql.html', 'relay.html'] } },
});
