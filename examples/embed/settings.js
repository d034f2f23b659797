// What to change, and all there is to change.

/** The gateway. It has to be started with this page's origin in --cors-origins. */
export const gateway = 'http://127.0.0.1:8080';

/**
 * For the partner's browser SDK, once index.html loads it; README.md says how. `env` is
 * us, ca, us-snd or ca-snd, and publicKey is that of your app.
 */
export const sdk = { env: 'us-snd', publicKey: '' };
