package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

type catalogWords struct {
	Brands      [][2]string
	Ingredients []struct {
		Name, Type       string
		Forms, Strengths []string
	}
	ExtraTypes     []string `json:"extra_types"`
	Grades, Ends   []string
	Claims         []string
	Allergens      []string
	Certifications []string
	Categories     []string
}

func named(k kind, names []string) (r rows[*namedItem]) {
	for i, name := range names {
		r.add(&namedItem{id(k, i), name})
	}
	return r
}

func (d *records) makeCatalog() {
	var w catalogWords
	vocabulary("catalog", &w)
	var names, types []string
	for _, in := range w.Ingredients {
		names = append(names, in.Name)
		if !slices.Contains(types, in.Type) {
			types = append(types, in.Type)
		}
	}
	d.ingredients.seed = named(kindIngredient, names)
	d.supplementTypes.seed = named(kindSupplementType, append(types, w.ExtraTypes...))
	d.allergens.seed = named(kindAllergen, w.Allergens)
	d.certifications.seed = named(kindCertification, w.Certifications)
	for i, b := range w.Brands {
		d.brands.seed.add(&brand{brandRef{id(kindBrand, i), b[0], &b[1]}, statusUnavailable})
	}
	// Two brands without prefix, since the API allows it; one that sells nothing any more; some that a clinic may not see.
	d.brands.seed.list[17].Prefix, d.brands.seed.list[44].Prefix = nil, nil
	for i, b := range d.brands.seed.list {
		if i >= 56 {
			d.clinics.seed.list[0].hiddenBrands[b.ID] = true
		} else if i >= 50 {
			d.clinics.seed.list[1].hiddenBrands[b.ID] = true
		}
	}
}

const deadBrand = 41

func (d *records) makeProducts() {
	var w catalogWords
	vocabulary("catalog", &w)
	s := newSequence("products")
	used := map[string]bool{}
	for i := range productsInAll {
		brandNumber := i % len(d.brands.seed.list)
		b := d.brands.seed.list[brandNumber]
		// The first ones are single vitamins, so that examples show what everybody knows.
		number := i
		if i >= len(w.Ingredients) {
			number = s.intn(len(w.Ingredients))
		}
		number %= len(w.Ingredients)
		in := w.Ingredients[number]
		form := pick(s, in.Forms)
		name := productName(s, &w, in.Name, form, in.Strengths)
		for n := 2; used[b.Name+name]; n++ {
			name = productName(s, &w, in.Name, form, in.Strengths)
			if n > 20 {
				name = fmt.Sprintf("%s No. %d", name, i)
			}
		}
		used[b.Name+name] = true
		p := &product{
			ID: id(kindProduct, i), Name: name, Dosage: makersDosage(s, form), brand: b, number: i,
			DescriptionHTML: maybe(s, 5, "<p><strong>"+name+"</strong> "+pick(s, w.Claims)+".</p><p>Suggested use: see <em>dosage</em> &amp; label.</p>"),
			ingredients:     d.otherIngredients(s, number),
			allergens:       idsOf(pickSome(s, d.allergens.seed.list, s.between(1, 6))),
			supplementTypes: []string{d.typeNamed(in.Type)},
			certifications:  idsOf(pickSome(s, d.certifications.seed.list, s.intn(4))),
		}
		if s.chance(15) {
			p.supplementTypes = append(p.supplementTypes, pick(s, d.supplementTypes.seed.list[len(d.supplementTypes.seed.list)-len(w.ExtraTypes):]).ID)
		}
		d.addVariants(s, p, form, brandNumber == deadBrand)
		if p.Status == statusAvailable {
			b.Status = statusAvailable
		}
		d.products.seed.add(p)
	}
}

func productName(s *sequence, w *catalogWords, ingredient, form string, strengths []string) string {
	parts := []string{pick(s, w.Grades), ingredient, pick(s, w.Ends)}
	if len(strengths) > 0 && s.chance(70) {
		parts = append(parts, pick(s, strengths))
	}
	switch form {
	case "chewable", "lozenge", "gel", "drops", "powder", "strip":
		if s.chance(60) {
			parts = append(parts, strings.ToUpper(form[:1])+form[1:])
		}
	}
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), " ")
}

func makersDosage(s *sequence, form string) productDosage {
	return productDosage{
		RecommendedAmount: maybe(s, 4, pick(s, []string{"1", "1", "2", "1-2", "3"})), RecommendedFrequency: maybe(s, 4, pick(s, frequencies)),
		RecommendedDuration: maybe(s, 20, pick(s, []string{"ongoing", "30", "60"})), Format: maybe(s, 3, form),
		AdditionalInfo: maybe(s, 40, pick(s, []string{"with meals", "between meals", "or as directed by your health professional"})),
	}
}

func (d *records) otherIngredients(s *sequence, main int) []string {
	out := []string{d.ingredients.seed.list[main].ID}
	for _, other := range pickSome(s, d.ingredients.seed.list, s.intn(3)) {
		if other.ID != out[0] {
			out = append(out, other.ID)
		}
	}
	return out
}

func (d *records) typeNamed(name string) string {
	for _, t := range d.supplementTypes.seed.list {
		if t.Name == name {
			return t.ID
		}
	}
	panic("sandbox: seed: no supplement type " + name)
}

func idsOf(list []*namedItem) []string {
	out := make([]string, len(list))
	for i, n := range list {
		out[i] = n.ID
	}
	return out
}

// packages are the sizes a form is sold in and what they are counted in.
func packages(form string) (sizes []float64, unit string) {
	switch form {
	case "powder":
		return []float64{150, 225.5, 300, 450}, "g"
	case "liquid", "drops":
		return []float64{1, 2, 4, 8}, "fl oz"
	case "packet":
		return []float64{14, 30}, "packets"
	case "gel":
		return []float64{1.5, 2.6}, "oz"
	case "suppository":
		return []float64{7, 14, 28}, "suppositories"
	}
	return []float64{30, 60, 90, 120, 180, 240}, form + "s"
}

// addVariants gives a product one to three sizes, two on average; the price follows the size.
func (d *records) addVariants(s *sequence, p *product, form string, dead bool) {
	sizes, unit := packages(form)
	prefix := strings.ToUpper(p.brand.Name[:3])
	if p.brand.Prefix != nil {
		prefix = *p.brand.Prefix
	}
	base := s.between(690, 3900)
	first := s.intn(len(sizes))
	count := min(s.between(1, 3), len(sizes))
	if p.number == 0 {
		count = 3
	}
	for n := range count {
		price := base + base*n*6/10
		price = price/100*100 + pick(s, []int{0, 50, 75, 95, 99})
		v := &variant{
			variantBase: variantBase{
				ID: id(kindVariant, 4*p.number+n), SKU: fmt.Sprintf("%s%04d-%d", prefix, p.number, n+1), Primary: n == 0,
				Units: maybe(s, 2, sizes[(first+n)%len(sizes)]), UnitOfMeasure: maybe(s, 2, unit), Status: statusAvailable, Availability: "In Stock",
				UPC: maybe(s, 10, fmt.Sprintf("8%011d", s.intn(1_000_000_000))), MSRP: maybe(s, 1, cents(price)),
				SupplierSKU: maybe(s, 40, fmt.Sprintf("%s-%d", strings.ToLower(prefix), 1000+4*p.number+n)),
			},
			product: p, priceCents: price, pictured: !s.chance(6),
		}
		switch lot := s.intn(100); {
		case dead || lot < 3:
			v.Status, v.Availability = "discontinued", "n/a"
		case lot < 8:
			v.Status, v.Availability = statusBackordered, "Backordered"
		case lot < 9:
			v.Status, v.Availability = "vendor backorder", "Backordered by the vendor"
		case lot < 11:
			v.Status, v.Availability = statusUnavailable, "n/a"
		}
		p.variants = append(p.variants, v)
		d.variants.seed.add(v)
	}
	p.Status = productStatus(p.variants)
}

// productStatus: available if any variant is, else backordered if any is, else unavailable.
func productStatus(variants []*variant) string {
	status := statusUnavailable
	for _, v := range variants {
		switch v.Status {
		case statusAvailable:
			return statusAvailable
		case statusBackordered, "vendor backorder":
			status = statusBackordered
		}
	}
	return status
}

// makeCategories: each clinic arranges the catalogue its own way; the last category of each is empty.
func (d *records) makeCategories() {
	var w catalogWords
	vocabulary("catalog", &w)
	s := newSequence("categories")
	for i, c := range d.clinics.seed.list {
		names := w.Categories[:len(w.Categories)-10*i]
		for n, name := range names {
			size := s.between(15, 140)
			if n == len(names)-1 {
				size = 0
			}
			d.categories.seed.add(&category{ID: id(kindCategory, 100*i+n), Name: name, clinicID: c.ID, products: pickSome(s, d.products.seed.list, size)})
		}
	}
}
