// In place of graphql-ws, which @graphiql/toolkit would load for subscriptions
// over a WebSocket; fetcher.js sends them another way.
export {};
