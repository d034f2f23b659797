// Package redisconn is the gateway's connection to Redis. It knows whether the
// server can be used: once a command shows that it cannot, its connections are
// dropped, commands fail at once and say why, and the server is checked on new
// connections until it works again. So nobody waits for a server that is gone, and
// a failover to another server behind the same address needs no restart.
//
// What is stored there is the business of others; all their keys begin with
// [Prefix].
package redisconn

// Prefix begins every key. The number is the version of what is stored: raise it
// when a gateway of the version before could not read what this one writes, so
// that both can use one server while one replaces the other.
const Prefix = "fsgateway:1:"
