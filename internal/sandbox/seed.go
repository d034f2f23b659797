package sandbox

import (
	"embed"
	"encoding/json"
	"fmt"
	"time"
)

//go:embed seed/*.json
var seedFiles embed.FS

// vocabulary reads one of the word lists. They are part of the program, so a bad one is a broken build.
func vocabulary(name string, into any) {
	text, err := seedFiles.ReadFile("seed/" + name + ".json")
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		panic("sandbox: seed/" + name + ".json: " + err.Error())
	}
}

// How much there is, clinic by clinic where it matters.
const (
	patientsInFirst, patientsInSecond = 800, 200
	plansInAll                        = 3000
	ordersInAll                       = 1200
	labOrdersInAll                    = 240
	productsInAll                     = 2000
)

// seedEnd is the day the seed was "taken": nothing in it is later.
var seedEnd = time.Date(2026, time.March, 15, 12, 0, 0, 0, time.UTC)

// moment is a time within the days before seedEnd.
func (s *sequence) moment(days int) time.Time {
	return seedEnd.Add(-time.Duration(s.between(1, days*24*60)) * time.Minute)
}

// maybe is nil in percent of 100 draws.
func maybe[T any](s *sequence, percentNil int, value T) *T {
	if s.chance(percentNil) {
		return nil
	}
	return &value
}

// cents writes money as the decimal text the partner uses.
func cents(n int) string { return fmt.Sprintf("%d.%02d", n/100, n%100) }
