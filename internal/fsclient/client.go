package fsclient

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// maxAnswer bounds what is read of one answer. The largest known, a page of
// 100 products, has some 100 KB.
const maxAnswer = 8 << 20

// Client calls the partner API. Make one with [New]; it is safe for
// concurrent use.
type Client struct {
	origin    *url.URL // scheme and host of the API
	path      string   // below which it lies, such as "/api"
	transport http.RoundTripper
	http      *http.Client                                                    // on transport
	storage   *http.Client                                                    // for files elsewhere, nil for none
	flights   *flights                                                        // nil if no calls are shared
	again     func(ctx context.Context, broken error) (context.Context, bool) // nil for no second reads
	unusable  func(ctx context.Context, e *Error)                             // nil for nobody who is told

	Patients                 *PatientsService
	Clinic                   *ClinicService
	Practitioners            *PractitionersService
	PractitionerTypes        *PractitionerTypesService
	Staff                    *StaffService
	Protocols                *ProtocolsService
	Templates                *TemplatesService
	Addresses                *AddressesService
	Metadata                 *MetadataService
	DynamicLinks             *DynamicLinksService
	SessionGrants            *SessionGrantsService
	Events                   *EventsService
	WebhookDeliveries        *WebhookDeliveriesService
	TreatmentPlans           *TreatmentPlansService
	Resources                *ResourcesService
	Orders                   *OrdersService
	LabOrders                *LabOrdersService
	LabTests                 *LabTestsService
	OrderedLabTests          *OrderedLabTestsService
	Products                 *ProductsService
	Variants                 *VariantsService
	Brands                   *BrandsService
	Ingredients              *IngredientsService
	Allergens                *AllergensService
	SupplementTypes          *SupplementTypesService
	ThirdPartyCertifications *ThirdPartyCertificationsService
	Categories               *CategoriesService
	Fulfillment              *FulfillmentService
}

type service struct{ client *Client }

// Option changes how a client works.
type Option func(*Client)

// New makes a client for the API at base, such as
// "https://api-us-snd.fullscript.io/api". httpClient's transport puts the
// caller's token on each call; redirects are not followed, since the token
// would travel with them, but those of attachments (see [WithStorage]). Calls end
// with their context: an httpClient with a time limit or cookies is an error.
func New(base string, httpClient *http.Client, options ...Option) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		if err == nil {
			base = u.Redacted()
		}
		return nil, fmt.Errorf("%q is no API base URL such as https://api-us-snd.fullscript.io/api", base)
	}
	if httpClient.Timeout != 0 || httpClient.Jar != nil {
		return nil, errors.New("an http.Client with a Timeout or a Jar is not supported")
	}
	h := *httpClient
	h.CheckRedirect = noRedirect
	c := &Client{
		origin: &url.URL{Scheme: u.Scheme, Host: u.Host}, path: strings.TrimSuffix(u.Path, "/"), http: &h,
		transport: cmp.Or[http.RoundTripper](h.Transport, http.DefaultTransport),
	}
	for _, o := range options {
		o(c)
	}
	s := service{c}
	c.Patients = (*PatientsService)(&s)
	c.Clinic = (*ClinicService)(&s)
	c.Practitioners = (*PractitionersService)(&s)
	c.PractitionerTypes = (*PractitionerTypesService)(&s)
	c.Staff = (*StaffService)(&s)
	c.Protocols = (*ProtocolsService)(&s)
	c.Templates = (*TemplatesService)(&s)
	c.Addresses = (*AddressesService)(&s)
	c.Metadata = (*MetadataService)(&s)
	c.DynamicLinks = (*DynamicLinksService)(&s)
	c.SessionGrants = (*SessionGrantsService)(&s)
	c.Events = (*EventsService)(&s)
	c.WebhookDeliveries = (*WebhookDeliveriesService)(&s)
	c.TreatmentPlans = (*TreatmentPlansService)(&s)
	c.Resources = (*ResourcesService)(&s)
	c.Orders = (*OrdersService)(&s)
	c.LabOrders = (*LabOrdersService)(&s)
	c.LabTests = (*LabTestsService)(&s)
	c.OrderedLabTests = (*OrderedLabTestsService)(&s)
	c.Products = (*ProductsService)(&s)
	c.Variants = (*VariantsService)(&s)
	c.Brands = (*BrandsService)(&s)
	c.Ingredients = (*IngredientsService)(&s)
	c.Allergens = (*AllergensService)(&s)
	c.SupplementTypes = (*SupplementTypesService)(&s)
	c.ThirdPartyCertifications = (*ThirdPartyCertificationsService)(&s)
	c.Categories = (*CategoriesService)(&s)
	c.Fulfillment = (*FulfillmentService)(&s)
	return c, nil
}

// route is a call's method and path. Op is the template, such as
// "/clinic/patients/{id}", which names the call in errors and metrics; ids
// fill its braces in order.
type route struct {
	method   string
	op       string
	ids      []string
	unshared bool // what it reads is made for it alone
}

func get(op string, ids ...string) route    { return route{http.MethodGet, op, ids, false} }
func getOwn(op string, ids ...string) route { return route{http.MethodGet, op, ids, true} }
func post(op string, ids ...string) route   { return route{http.MethodPost, op, ids, true} }
func patch(op string, ids ...string) route  { return route{http.MethodPatch, op, ids, true} }

func (r route) String() string { return r.method + " " + r.op }

// answeredBy checks that v is the record that the path names, if it is one.
// What a POST names is the parent of a record to make.
func (r route) answeredBy(v any) error {
	rec, isRecord := v.(Recorder)
	if !isRecord || len(r.ids) == 0 || r.method == http.MethodPost {
		return nil
	}
	if id := IDOf(rec); id != "" && IDKey(id) != IDKey(r.ids[len(r.ids)-1]) {
		return errOtherRecord
	}
	return nil
}

var errOtherRecord = errors.New("the answer is another record than asked for")

func (r route) isWrite() bool { return r.method != http.MethodGet }

// changes reports whether the call changes a record, which is that of its only
// id.
func (r route) changes() bool { return r.method == http.MethodPatch }

// path fills the template.
func (r route) path() (string, error) {
	var b strings.Builder
	b.Grow(len(r.op) + 32*len(r.ids)) // ids are UUIDs
	ids := r.ids
	for rest := r.op; rest != ""; {
		open := strings.IndexByte(rest, '{')
		if open < 0 {
			b.WriteString(rest)
			break
		}
		end := open + strings.IndexByte(rest[open:], '}')
		id := ids[0]
		// What a client gives is refused before. This is an id that the partner
		// gave, or a mistake, and would name another resource.
		if !ValidID(id) {
			return "", &Error{Op: r.String(), Kind: KindUpstream, cause: errors.New("an id that cannot be part of a path")}
		}
		b.WriteString(rest[:open])
		b.WriteString(id)
		ids, rest = ids[1:], rest[end+1:]
	}
	return b.String(), nil
}

// getOne fetches one record: the value under the first of keys in the answer.
func getOne[T any](ctx context.Context, c *Client, r route, query any, keys ...string) (*T, error) {
	return one[T](ctx, c, r, query, nil, nil, keys)
}

// send writes: body travels as JSON, and the answer is the value under the
// first of keys.
func send[T any](ctx context.Context, c *Client, r route, body any, keys ...string) (*T, error) {
	return one[T](ctx, c, r, nil, body, nil, keys)
}

// sendOnce is [send] with an Idempotency-Key, when there is one. A key that
// cannot travel as it is would protect nothing, so it is refused.
func sendOnce[T any](ctx context.Context, c *Client, r route, body any, key *string, keys ...string) (*T, error) {
	var h http.Header
	if key != nil {
		if *key == "" || len(*key) > maxIdempotencyKey || strings.TrimSpace(*key) != *key ||
			strings.ContainsFunc(*key, func(c rune) bool { return c < ' ' || c > '~' }) {
			return nil, InputErrorf("idempotencyKey must be 1 to %d printable ASCII characters without leading or trailing spaces", maxIdempotencyKey)
		}
		h = http.Header{"Idempotency-Key": {*key}}
	}
	return one[T](ctx, c, r, nil, body, h, keys)
}

const maxIdempotencyKey = 255

func one[T any](ctx context.Context, c *Client, r route, query, body any, header http.Header, keys []string) (*T, error) {
	var out *T
	err := c.do(ctx, r, query, body, header, func(a *answer) error {
		data := a.body.Bytes()
		v := new(T)
		e := reflect.ValueOf(v).Elem()
		s := shapeOf(e.Type())
		err := errNoRecord
		found := &envelope{keys: keys, out: e, wanted: wantedFrom(ctx), text: a.text}
		if len(bytes.TrimSpace(data)) > 0 {
			err = found.open(data)
		}
		// Which record was changed is known, even if the answer does not say so.
		changed := r.changes() && s.isRecord && (err == nil || errors.Is(err, errNoRecord))
		if changed && idOf(e) == "" {
			setID(e, s, r.ids[0])
			err = nil
		}
		if err != nil {
			return err
		}
		if changed && holdsOnlyID(e, s) { // the rest of it is fetched when it is asked for
			out = v
			return r.answeredBy(v)
		}
		if rec, ok := any(v).(recorded); ok {
			rec.record().held, rec.record().source, rec.record().asked = all, found.source, a.at.UnixNano()
			if check(e); rec.record().broken {
				return fmt.Errorf("%w: it lacks its id", errUnreadable)
			}
		}
		if err := r.answeredBy(v); err != nil {
			return err
		}
		out = v
		return nil
	})
	return out, err
}

// getPage fetches one page of a list of T.
func getPage[T any](ctx context.Context, c *Client, r route, query any, keys ...string) (*Page[T], error) {
	var page *Page[T]
	err := c.do(ctx, r, query, nil, nil, func(a *answer) error {
		p := new(Page[T])
		extra := func(key string, d *decoder) (bool, error) {
			if key != "meta" {
				return false, nil
			}
			var err error
			p.Meta, err = parseMeta(d)
			return true, err
		}
		items := &envelope{keys: keys, out: reflect.ValueOf(&p.Items).Elem(), extra: extra, wanted: wantedFrom(ctx), text: a.text}
		if err := items.open(a.body.Bytes()); err != nil {
			return err
		}
		for i := range p.Items {
			if rec, ok := any(&p.Items[i]).(recorded); ok {
				rec.record().listed = true
				check(reflect.ValueOf(&p.Items[i]).Elem())
			}
		}
		page = p
		return nil
	})
	return page, err
}

// do carries out one call and hands a successful answer to read, which must not keep its
// body. Every failure is an [*Error].
func (c *Client) do(ctx context.Context, r route, query, body any, header http.Header, read func(*answer) error) (err error) {
	caller := ""
	if c.flights != nil {
		caller = c.flights.Caller(ctx)
	}
	if r.isWrite() {
		if caller != "" {
			c.flights.Cache.Writing(caller)
			defer func() { c.flights.Cache.Wrote(caller, err) }()
		}
		d := new(delivery)
		ctx = context.WithValue(ctx, deliveryKey{}, d)
		defer func() {
			if e, ok := errors.AsType[*Error](err); ok && d.lost.Load() {
				e.Unknown = true
			}
		}()
	}
	a, what, err := c.fetch(ctx, caller, r, query, body, header)
	if err != nil {
		return err
	}
	defer a.release()
	err = a.read(r, read)
	c.cannotUse(ctx, err)
	if caller != "" {
		c.flights.came(ctx, what, a, err)
	}
	return err
}

// read hands a successful answer to f.
func (a *answer) read(r route, f func(*answer) error) (err error) {
	switch {
	case !a.success():
		return statusError(r, a.status, a.header, a.body.Bytes())
	case a.length > maxAnswer:
		err = ErrTooLarge
	case a.odd != nil:
		err = a.odd
	default:
		err = f(a)
	}
	if err != nil {
		return &Error{Op: r.String(), Kind: KindUpstream, Status: a.status, RequestID: requestID(a.header), Unknown: r.isWrite(), cause: err}
	}
	return nil
}

// fetch returns the answer to a call, which may be that of another, and what was read.
func (c *Client) fetch(ctx context.Context, caller string, r route, query, body any, header http.Header) (a *answer, what Read, err error) {
	address, err := c.address(r, query)
	if err != nil {
		return nil, what, err
	}
	call := func() (*answer, error) { return c.call(ctx, r, address, body, header) }
	if caller == "" || r.unshared {
		a, err = call()
		return a, what, err
	}
	what = Read{caller, r.op, address.Path, address.RawQuery}
	k := flightKey{what, c.flights.Cache.Version(caller)}
	if d := lifetimes[r.op]; d > 0 {
		a, err = c.flights.cached(ctx, k, d, func(header http.Header) (*answer, error) { return c.call(ctx, r, address, body, header) })
	} else {
		a, err = c.flights.fetch(ctx, k, call)
	}
	if _, known := errors.AsType[*Error](err); err != nil && !known { // it waited, and its time was over
		return nil, what, transportError(ctx, r.String(), err, false, false)
	}
	return a, what, err
}

// call makes a call, and a read a second time if its answer broke off and it may be, unless that
// is refused.
func (c *Client) call(ctx context.Context, r route, address *url.URL, body any, header http.Header) (*answer, error) {
	a, broken, err := c.attempt(ctx, r, address, body, header)
	if broken != nil && !r.isWrite() && c.again != nil {
		if ctx, ok := c.again(ctx, broken); ok {
			second, _, failed := c.attempt(ctx, r, address, body, header)
			if _, refused := errors.AsType[*Refused](failed); !refused {
				a, err = second, failed
			}
		}
	}
	return a, err
}

// attempt makes a call. broken says why the body of its answer broke off.
func (c *Client) attempt(ctx context.Context, r route, address *url.URL, body any, header http.Header) (a *answer, broken, err error) {
	at := time.Now() // what changes from now on may not be in the answer
	res, sent, err := c.open(ctx, r, address, body, header)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	a = readAnswer(res)
	a.at = at
	if a.broken != nil && a.success() {
		defer a.release()
		e := transportError(ctx, r.String(), a.broken, r.isWrite(), sent)
		e.Status, e.RequestID = res.StatusCode, requestID(res.Header)
		if e.Kind == KindUnavailable { // it came, but not whole
			e.Kind = KindUpstream
		}
		return nil, a.broken, e
	}
	return a, nil, nil
}

// WithSecondReads has a read made a second time, under the context that again returns, if its
// answer broke off and again allows it.
func WithSecondReads(again func(ctx context.Context, broken error) (context.Context, bool)) Option {
	return func(c *Client) { c.again = again }
}

// ErrTooLarge is the cause of an [Error] for an answer that is larger than any should be.
var ErrTooLarge = errors.New("the answer is too large")

// WithUnusable has told be called with the error of each answer that came and is of no use.
func WithUnusable(told func(ctx context.Context, e *Error)) Option {
	return func(c *Client) { c.unusable = told }
}

// cannotUse tells of the error of an answer if that is of no use, which a refusal is not.
func (c *Client) cannotUse(ctx context.Context, err error) {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == KindUpstream && c.unusable != nil {
		c.unusable(ctx, e)
	}
}

// address returns where a call goes.
func (c *Client) address(r route, query any) (*url.URL, error) {
	path, err := r.path()
	if err != nil {
		return nil, err
	}
	address := *c.origin
	address.Path, address.RawQuery = c.path+path, EncodeQuery(query)
	return &address, nil
}

// open sends the call and returns the answer with its body unread.
func (c *Client) open(ctx context.Context, r route, address *url.URL, body any, header http.Header) (res *http.Response, sent bool, err error) {
	routed := WithRoute(ctx, r.String())
	d, _ := ctx.Value(deliveryKey{}).(*delivery) // nil for reads
	if d != nil {
		routed = httptrace.WithClientTrace(routed, &httptrace.ClientTrace{
			GetConn:      func(string) { d.sent.Store(false) }, // another attempt: the one before was answered, or is lost
			WroteHeaders: func() { d.sent.Store(true) },
		})
	}
	// There is nothing to parse, as http.NewRequest would.
	req := (&http.Request{
		Method: r.method, URL: address, Host: address.Host, Header: acceptJSON,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
	}).WithContext(routed)
	if header != nil || body != nil {
		req.Header = maps.Clone(acceptJSON)
		maps.Copy(req.Header, header)
	}
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, false, fmt.Errorf("%s: encode the body: %w", r, err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.ContentLength = int64(len(raw))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil }
		req.Body, _ = req.GetBody()
	}
	res, err = c.transport.RoundTrip(req)
	sent = d != nil && d.sent.Load()
	if err != nil {
		return nil, sent, transportError(ctx, r.String(), err, r.isWrite(), sent)
	}
	return res, sent, nil
}

// acceptJSON is the header of most calls. No transport changes that of a request.
var acceptJSON = http.Header{"Accept": {"application/json"}}

type routeKey struct{}

// WithRoute notes which call a request belongs to, for those who count calls
// below the client.
func WithRoute(ctx context.Context, route string) context.Context {
	return context.WithValue(ctx, routeKey{}, route)
}

// Route is the call's method and route template, such as
// "GET /clinic/patients/{id}", "" for other requests.
func Route(ctx context.Context) string {
	s, _ := ctx.Value(routeKey{}).(string)
	return s
}
