package sandbox

import (
	"embed"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

//go:embed seed/*.json
var seedFiles embed.FS

// seed is what every Server starts from; nobody writes to it once it is made.
type seed struct {
	clinics           *rows[*clinic]
	practitioners     *rows[*practitioner]
	practitionerTypes *rows[*practitionerType]
	staff             *rows[*staffMember]
	patients          *rows[*patient]
	addresses         *rows[*address]
	plans             *rows[*plan]
	protocols         *rows[*protocol]
	templates         *rows[*template]
	orders            *rows[*order]
	resources         *rows[*resource]
	labs              *rows[*lab]
	labOrders         *rows[*labOrder]
	orderedTests      *rows[*orderedTest]
	brands            *rows[*brand]
	products          *rows[*product]
	variants          *rows[*variant]
	ingredients       *rows[*namedItem]
	allergens         *rows[*namedItem]
	supplementTypes   *rows[*namedItem]
	certifications    *rows[*namedItem]
	categories        *rows[*category]
	events            *rows[*event]
	deliveries        *rows[*delivery]
}

// seedData makes the seed on first use. The parts follow each other as they refer to each other.
var seedData = sync.OnceValue(func() *seed {
	d := &seed{}
	d.makeClinics()
	d.makePatients()
	d.makeCatalog()
	d.makeProducts()
	d.makeCategories()
	d.makeLabs()
	d.makeResources()
	d.makePlans()
	d.makeProtocols()
	d.makeOrders()
	d.makeLabOrders()
	d.makeEvents()
	return d
})

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
