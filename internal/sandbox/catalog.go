package sandbox

// The catalogue is the same for both clinics; only search looks at which brands a clinic may see.

type brandRef struct {
	ID     string  `json:"id"`
	Name   string  `json:"name"`
	Prefix *string `json:"prefix"`
}

type brand struct {
	brandRef
	Status string `json:"status"`
}

func (b *brand) rowID() string       { return b.ID }
func (b *brand) rowGroups() []string { return nil }

func listBrands(req *request) reply {
	for _, name := range []string{"available", "clinic_permitted"} {
		if refused := req.oneOf(name, "true"); refused != nil {
			return *refused
		}
	}
	c, _ := req.state().clinics.get(req.clinic())
	available, permitted := req.params().Has("available"), req.params().Has("clinic_permitted")
	return page(req, "brands", keep(req.state().brands.all(), func(b *brand) bool {
		return (!available || b.Status == statusAvailable) && (!permitted || !c.hiddenBrands[b.ID])
	}), same)
}

func getBrand(req *request) reply {
	b, found := req.state().brands.get(req.path("id"))
	if !found {
		return notFound("Brand")
	}
	return ok(object{"brand": b})
}

// namedItem is an ingredient, allergen, supplement type or certification.
type namedItem struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (n *namedItem) rowID() string       { return n.ID }
func (n *namedItem) rowGroups() []string { return nil }

// listNamed and getNamed make the handlers of one of those four kinds.
func listNamed(key string, of func(*state) *table[*namedItem]) func(*request) reply {
	return func(req *request) reply { return page(req, key, of(req.state()).all(), same) }
}

func getNamed(key, what string, of func(*state) *table[*namedItem]) func(*request) reply {
	return func(req *request) reply {
		n, found := of(req.state()).get(req.path("id"))
		if !found {
			return notFound(what)
		}
		return ok(object{key: n})
	}
}

func ingredients(st *state) *table[*namedItem]     { return &st.ingredients }
func allergens(st *state) *table[*namedItem]       { return &st.allergens }
func supplementTypes(st *state) *table[*namedItem] { return &st.supplementTypes }
func certifications(st *state) *table[*namedItem]  { return &st.certifications }

type category struct {
	ID   string `json:"id"`
	Name string `json:"name"`

	clinicID string
	products []*product
}

func (c *category) rowID() string       { return c.ID }
func (c *category) rowGroups() []string { return []string{c.clinicID} }

func (c *category) summary() namedItem { return namedItem{c.ID, c.Name} }

func (r *request) category(id string) (*category, bool) {
	c, found := r.state().categories.get(id)
	return c, found && c.clinicID == r.clinic()
}

func listCategories(req *request) reply {
	return page(req, "categories", req.state().categories.group(req.clinic()), (*category).summary)
}

func getCategory(req *request) reply {
	c, found := req.category(req.path("id"))
	if !found {
		return notFound("Category")
	}
	return ok(object{"category": object{"id": c.ID, "name": c.Name, "product_count": len(c.products)}})
}

func listCategoryProducts(req *request) reply {
	c, found := req.category(req.path("category_id"))
	if !found {
		return notFound("Category")
	}
	return page(req, "products", c.products, (*product).summary)
}
