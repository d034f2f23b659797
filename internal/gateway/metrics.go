package gateway

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"fsgateway/graph/apierror"
	"fsgateway/internal/middleware"
	"fsgateway/internal/oauth"
	"fsgateway/internal/transport"
	"fsgateway/internal/webhook"
)

// metrics are the gateway's figures. Every label has a value from a list that
// neither a client nor the partner can make longer: no operation's name is one,
// nor any path, id or token.
type metrics struct {
	registry *prometheus.Registry

	requests      *prometheus.CounterVec // route, status class
	inFlight      prometheus.Gauge
	operations    *prometheus.CounterVec   // type, status class
	duration      *prometheus.HistogramVec // type
	perOperation  *prometheus.HistogramVec // type
	answers       *prometheus.CounterVec   // by
	errors        *prometheus.CounterVec   // code
	calls         *prometheus.CounterVec   // route template, outcome
	callDuration  *prometheus.HistogramVec // route template
	callsInFlight prometheus.Gauge
	shared        prometheus.Counter
	rateLimited   prometheus.Counter
	retries       prometheus.Counter
	hedges        prometheus.Counter
	cacheHits     prometheus.Counter
	budgetAlone   prometheus.Counter
	webhooks      *prometheus.CounterVec   // outcome
	polls         *prometheus.CounterVec   // outcome
	http          *prometheus.CounterVec   // kind
	latency       *prometheus.HistogramVec // route
	streamed      prometheus.Histogram
	redis         *prometheus.HistogramVec // outcome
	sessions      *prometheus.CounterVec   // happening
	spansLost     prometheus.Counter
	refused       *prometheus.CounterVec // what
}

// Latencies from a cheap look-up in the sandbox to the longest that an operation
// may take.
var seconds = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15}

// Lifetimes of subscriptions, from a second to a day.
var lifetimes = []float64{1, 10, 60, 300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600}

func newMetrics(unready func() string) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "fsgateway", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "fsgateway", Name: name, Help: help, Buckets: buckets}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "fsgateway", Name: name, Help: help})
	}
	m := &metrics{
		registry:      prometheus.NewRegistry(),
		requests:      counter("requests_total", "Requests by route and class of HTTP status.", "route", "status"),
		inFlight:      gauge("requests_in_flight", "Requests that are being answered."),
		operations:    counter("operations_total", "GraphQL operations by type and class of HTTP status; the type of what was refused unread is none.", "type", "status"),
		duration:      histogram("operation_duration_seconds", "How long GraphQL operations took.", seconds, "type"),
		perOperation:  histogram("operation_upstream_calls", "Calls to the partner that an operation took.", []float64{0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000}, "type"),
		answers:       counter("query_answers_total", "Queries by what wrote the answer: plan, or the reason why the executor did.", "by"),
		errors:        counter("errors_total", "Errors that left, by extensions.code.", "code"),
		calls:         counter("upstream_calls_total", "Calls to the partner by route template and HTTP status, or the kind of failure for those that were not answered.", "route", "status"),
		callDuration:  histogram("upstream_call_duration_seconds", "How long calls to the partner took, bodies included.", seconds, "route"),
		webhooks:      counter("webhooks_total", "Requests to the webhook address by outcome.", "outcome"),
		polls:         counter("polls_total", "Polls of a clinic's events by outcome: ok or failed.", "outcome"),
		latency:       histogram("request_duration_seconds", "How long requests took, until all of the answer was written.", seconds, "route"),
		streamed:      prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "fsgateway", Name: "subscription_duration_seconds", Help: "How long subscriptions lasted.", Buckets: lifetimes}),
		redis:         histogram("redis_command_duration_seconds", "How long commands to Redis took, by outcome: ok or failed.", seconds, "outcome"),
		sessions:      counter("sessions_total", "What happened to the sessions of users: signed_in, refreshed, refresh_failed or ended.", "happening"),
		spansLost:     prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "trace_failures_total", Help: "How often spans could not be sent to the collector."}),
		refused:       counter("refused_total", "What clients were refused because there was too much of it: connection, request, socket or body.", "what"),
		http:          counter("http_errors_total", "What net/http had to say by itself, by kind; its words are kept nowhere.", "kind"),
		shared:        prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "upstream_calls_shared_total", Help: "Calls that were not made, for an identical one of the same caller was under way."}),
		rateLimited:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "upstream_rate_limited_total", Help: "Calls that the partner answered with 429."}),
		retries:       prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "upstream_retries_total", Help: "Calls that were made again."}),
		hedges:        prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "upstream_hedges_total", Help: "Calls that were made beside one that took long."}),
		budgetAlone:   prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "budget_alone_total", Help: "How often the calls of all gateways could not be counted in Redis, so that this one kept to a share."}),
		cacheHits:     prometheus.NewCounter(prometheus.CounterOpts{Namespace: "fsgateway", Name: "cache_hits_total", Help: "Calls that were not made, for their answer was kept."}),
		callsInFlight: gauge("upstream_calls_in_flight", "Calls to the partner that are under way."),
	}
	m.begin()
	ready := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fsgateway", Name: "ready", Help: "1 while /readyz says so, else 0."}, func() float64 {
		if unready() != "" {
			return 0
		}
		return 1
	})
	m.registry.MustRegister(m.requests, m.inFlight, m.operations, m.duration, m.perOperation, m.answers, m.errors, m.calls, m.callDuration, m.callsInFlight, m.shared, m.rateLimited, m.retries, m.cacheHits, m.hedges, m.budgetAlone, m.webhooks, m.polls, m.http, m.refused, m.latency, m.streamed, m.redis, m.sessions, m.spansLost, ready,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// begin makes figures of what has not happened yet. A series that begins with 1 has not
// increased, so that no alert would hear of the first time.
func (m *metrics) begin() {
	for _, what := range refusable {
		m.refused.WithLabelValues(what)
	}
	for code := range apierror.Codes() {
		m.errors.WithLabelValues(code)
	}
	for _, outcome := range webhook.Outcomes {
		m.webhooks.WithLabelValues(string(outcome))
	}
	for _, happening := range oauth.Happenings {
		m.sessions.WithLabelValues(string(happening))
	}
	for _, outcome := range []string{"ok", "failed"} {
		m.polls.WithLabelValues(outcome)
	}
}

// watch adds figures of what the gateway holds now.
func (m *metrics) watch(g *Gateway, places *transport.Places) {
	figure := func(name, help string, value func() float64) {
		m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "fsgateway", Name: name, Help: help}, value))
	}
	number := func(f func() int) func() float64 { return func() float64 { return float64(f()) } }
	bytesOf := func(size func() (bytes, values int)) func() float64 {
		return func() float64 { bytes, _ := size(); return float64(bytes) }
	}
	valuesOf := func(size func() (bytes, values int)) func() float64 {
		return func() float64 { _, values := size(); return float64(values) }
	}
	figure("upstream_calls_waiting", "Calls to the partner that wait for a place.", number(places.Waiting))
	figure("upstream_breaker_open", "1 while no calls are made, for most of them failed, else 0.", func() float64 {
		if g.breaker.IsOpen() {
			return 1
		}
		return 0
	})
	figure("cache_size_bytes", "Bytes of answers that are kept.", bytesOf(g.kept.answers.Size))
	figure("cache_answers", "Answers that are kept.", valuesOf(g.kept.answers.Size))
	figure("document_cache_size_bytes", "Bytes of documents that are kept.", bytesOf(g.documents.Size))
	figure("document_cache_documents", "Documents that are kept.", valuesOf(g.documents.Size))
	figure("streams", "Subscriptions that run.", func() float64 {
		if g.graphql == nil {
			return 0
		}
		return float64(g.graphql.Streams.Running())
	})
	figure("connections", "Connections of clients that are open, without sockets.", number(g.clients.connections.Taken))
	figure("shared_connection_requests", "Requests over HTTP/2 or from a trusted proxy that are being answered, without sockets.", number(g.clients.requests.Taken))
	figure("sockets", "WebSockets that are open.", number(g.clients.sockets.Taken))
	figure("large_bodies", "Bodies, and messages of WebSockets, of more than 16 KiB that are being received.", number(g.clients.bodies.Taken))
	figure("sending_bytes", "Bytes of answers of more than 256 KiB that clients have not read yet.", number(g.clients.answers.Taken))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry, EnableOpenMetrics: true}) // which has exemplars
}

// observe notes a point of a histogram, with the trace that shows what it was.
func observe(h prometheus.Observer, value float64, e *middleware.Entry) {
	if with, ok := h.(prometheus.ExemplarObserver); ok && e.Sampled {
		with.ObserveWithExemplar(value, prometheus.Labels{"trace_id": e.TraceID})
		return
	}
	h.Observe(value)
}

// counted are the requests in flight.
func (m *metrics) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		next.ServeHTTP(w, r)
	})
}

// request notes a request that is over.
func (m *metrics) request(e *middleware.Entry, status int, took time.Duration) {
	m.requests.WithLabelValues(e.Route, statusClass(status)).Inc()
	if status == http.StatusSwitchingProtocols { // each operation of the socket was noted
		return
	}
	if e.Operation.Type != "subscription" {
		observe(m.latency.WithLabelValues(e.Route), took.Seconds(), e)
	}
	m.failures(e)
	if e.Route == graphqlRoute && e.Method != http.MethodOptions { // by which browsers ask whether they may send one
		m.operation(e, status, took)
	}
}

func statusClass(status int) string { return strconv.Itoa(status/100) + "xx" }

// failures notes the errors that left.
func (m *metrics) failures(e *middleware.Entry) { m.codes(e.Operation.Codes) }

func (m *metrics) codes(codes []string) {
	for _, code := range codes {
		if !apierror.Known(code) {
			code = "other"
		}
		m.errors.WithLabelValues(code).Inc()
	}
}

// operation notes an operation that is over.
func (m *metrics) operation(e *middleware.Entry, status int, took time.Duration) {
	kind := e.Operation.Type
	switch kind {
	case "query", "mutation", "subscription":
	default:
		kind = "none"
	}
	m.operations.WithLabelValues(kind, statusClass(status)).Inc()
	if kind == "subscription" {
		observe(m.streamed, took.Seconds(), e)
	} else {
		observe(m.duration.WithLabelValues(kind), took.Seconds(), e)
	}
	observe(m.perOperation.WithLabelValues(kind), float64(e.Calls()), e)
}
