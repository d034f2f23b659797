package sandbox

import "testing"

func TestErrandsEnd(t *testing.T) {
	t.Parallel()
	e := newBackground(t.Context())
	ran := make(chan bool)
	e.start(func() {
		<-e.ctx.Done()
		go func() { ran <- true }()
	})
	e.end()
	<-ran
	if e.begin() {
		t.Error("one began after the end")
	}
	e.start(func() { t.Error("one ran after the end") })
	e.end()
}
