package middleware

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// TestCodesOfStreams: each line of a subscription has the codes since the line before, and
// its entry has those of all.
func TestCodesOfStreams(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		logger, e := zerolog.New(&log), new(Entry)
		note := func(codes ...string) { e.Stream(logger, Operation{}, codes, func(int64) {}) }
		note("A", "B")
		time.Sleep(lineEvery + time.Second)
		note("B", "C")
		e.Over()
		e.Operation.Codes = []string{"D", "D"}
		e.Write(logger.Info(), 200, time.Second, "request")
		if got := strings.Count(log.String(), `"codes":["A","B"]`) + strings.Count(log.String(), `"codes":["B","C","D"]`); got != 2 {
			t.Error(log.String())
		}
		if got := e.Codes(); !slices.Equal(got, []string{"A", "B", "C", "D"}) {
			t.Errorf("%q", got)
		}
	})
}
