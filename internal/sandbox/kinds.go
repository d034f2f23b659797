package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync"
)

// records has a table for each kind of record. A new kind is a line here, one in seedData and the prefix of its ids.
type records struct {
	clinics           table[*clinic]
	practitioners     table[*practitioner]
	practitionerTypes table[*practitionerType]
	staff             table[*staffMember]
	patients          table[*patient]
	addresses         table[*address]
	plans             table[*plan]
	protocols         table[*protocol]
	templates         table[*template]
	orders            table[*order]
	resources         table[*resource]
	labs              table[*lab]
	labOrders         table[*labOrder]
	orderedTests      table[*orderedTest]
	brands            table[*brand]
	products          table[*product]
	variants          table[*variant]
	ingredients       table[*namedItem]
	allergens         table[*namedItem]
	supplementTypes   table[*namedItem]
	certifications    table[*namedItem]
	categories        table[*category]
	events            table[*event]
	deliveries        table[*delivery]
}

// seedData makes what every Server starts from, on first use; nobody writes to it afterwards. The parts follow each other as they refer to
// each other.
var seedData = sync.OnceValue(func() *records {
	d := &records{}
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

// kind is the first two hex digits of every id of that kind: the partner's ids are opaque, but a person reading a log should see that a
// patient id went where a plan id belongs.
type kind string

const (
	kindClinic           kind = "c1"
	kindIntegration      kind = "c7"
	kindPractitioner     kind = "e1"
	kindStaff            kind = "e5"
	kindPractitionerType kind = "ee"
	kindPatient          kind = "b1"
	kindAddress          kind = "ad"
	kindPlan             kind = "a1"
	kindProtocol         kind = "a7"
	kindTemplate         kind = "a8"
	kindOrder            kind = "d1"
	kindFulfillment      kind = "d5"
	kindLab              kind = "81"
	kindLabComponent     kind = "82"
	kindLabOrder         kind = "91"
	kindOrderedTest      kind = "92"
	kindLabResult        kind = "93"
	kindLabReport        kind = "94"
	kindArtifact         kind = "95"
	kindResource         kind = "71"
	kindBrand            kind = "61"
	kindProduct          kind = "f0"
	kindVariant          kind = "f1"
	kindIngredient       kind = "1a"
	kindAllergen         kind = "1b"
	kindSupplementType   kind = "1c"
	kindCertification    kind = "1d"
	kindCategory         kind = "1e"
	kindEvent            kind = "0e"
	kindDelivery         kind = "de"
	kindGrant            kind = "9a"
	kindSecret           kind = "5e"
	kindLink             kind = "11"
	kindRequest          kind = "0a"
)

// id derives the n-th id of a kind. Ids made while running start far above the seed's, see state.newID.
func id(k kind, n int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s:%d", k, n))
	sum[6] = sum[6]&0x0f | 0x40
	sum[8] = sum[8]&0x3f | 0x80
	text := hex.EncodeToString(sum[:16])
	return string(k) + text[2:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}
