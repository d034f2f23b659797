package gateway

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// Build says which program this is.
type Build struct {
	Version, Commit, Date string // "" for what is not known
}

// WithBuild has the log and the metrics say which program this is.
func WithBuild(b Build) Option { return func(o *options) { o.build = b } }

func (b Build) String() string {
	b = b.known()
	return fmt.Sprintf("%s (commit %s, date %s, %s)", b.Version, b.Commit, b.Date, runtime.Version())
}

// known has a word for what is not known.
func (b Build) known() Build {
	const unknown = "unknown"
	return Build{cmp.Or(b.Version, unknown), cmp.Or(b.Commit, unknown), cmp.Or(b.Date, unknown)}
}

// metric is the usual figure of 1 that carries the build in its labels.
func (b Build) metric() prometheus.Collector {
	b = b.known()
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "fsgateway", Name: "build_info", Help: "Always 1; the labels say which program this is.",
		ConstLabels: prometheus.Labels{
			"version": b.Version, "commit": b.Commit, "date": b.Date, "goversion": runtime.Version(),
		},
	}, func() float64 { return 1 })
}
