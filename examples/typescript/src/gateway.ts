/** The gateway's address. The page is on another origin, which is in its --cors-origins. */
export const gateway = import.meta.env.VITE_GATEWAY ?? 'http://127.0.0.1:8080';
export const endpoint = `${gateway}/graphql`;
