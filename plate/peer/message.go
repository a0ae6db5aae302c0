package peer

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dunglas/httpsfv"
)

// HTTP message signatures (RFC 9421) as lookups use them: one signature, by
// Ed25519, over exactly the components below, in this order. Nothing is
// negotiated, so nothing can be talked down. The public docs/design/lookup.md
// says why the code is ours.

// What the signatures cover. The answer's covers what was asked (";req").
var (
	coveredAsk = []string{`"@method"`, `"@authority"`, `"@path"`, `"content-type"`, `"content-digest"`}
	coveredAll = []string{`"@status"`, `"content-type"`, `"content-digest"`,
		`"@method";req`, `"@authority";req`, `"@path";req`, `"content-digest";req`, `"signature";req;key="sig1"`}
)

const (
	label     = "sig1"
	algorithm = "ed25519"
	tagAsk    = "porchlight-lookup/v1"
	tagAnswer = "porchlight-lookup-answer/v1"

	signedFor = time.Minute      // from created to expires
	skew      = 30 * time.Second // how far clocks may differ
)

// message is an HTTP request or response as its signature sees it.
type message struct {
	derived map[string]string // "@method" and the like
	header  http.Header
	request *message // of a response
}

func requestMessage(method, authority, path string, h http.Header) message {
	if path == "" {
		path = "/"
	}
	return message{derived: map[string]string{"@method": method, "@authority": strings.ToLower(authority), "@path": path}, header: h}
}

func responseMessage(status int, h http.Header, to message) message {
	return message{derived: map[string]string{"@status": strconv.Itoa(status)}, header: h, request: &to}
}

// value is what a component identifier stands for (RFC 9421 section 2).
func (m message) value(id httpsfv.Item) (string, error) {
	name, ok := id.Value.(string)
	if !ok || name != strings.ToLower(name) {
		return "", errors.New("a component is named in small letters")
	}
	of, key := &m, ""
	for _, p := range id.Params.Names() {
		v, _ := id.Params.Get(p)
		switch text, isText := v.(string); {
		case p == "req" && v == true && m.request != nil:
			of = m.request
		case p == "key" && isText:
			key = text
		default:
			return "", fmt.Errorf("component %s has a parameter %s that is not understood", name, p)
		}
	}
	if strings.HasPrefix(name, "@") {
		v, ok := of.derived[name]
		if !ok || key != "" {
			return "", fmt.Errorf("component %s is not of this message", name)
		}
		return v, nil
	}
	values := of.header.Values(name)
	if len(values) == 0 {
		return "", fmt.Errorf("field %s is missing", name)
	}
	if key != "" {
		d, err := httpsfv.UnmarshalDictionary(values)
		if err != nil {
			return "", fmt.Errorf("field %s: %w", name, err)
		}
		member, ok := d.Get(key)
		item, isItem := member.(httpsfv.Item)
		if !ok || !isItem {
			return "", fmt.Errorf("field %s has no item %s", name, key)
		}
		return httpsfv.Marshal(item)
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.TrimSpace(v)
	}
	return strings.Join(trimmed, ", "), nil
}

// base is what is signed (RFC 9421 section 2.5).
func (m message) base(in httpsfv.InnerList) (string, error) {
	var b strings.Builder
	seen := map[string]bool{}
	for _, item := range in.Items {
		id, err := httpsfv.Marshal(item)
		if err != nil {
			return "", err
		}
		if seen[id] {
			return "", fmt.Errorf("component %s is covered twice", id)
		}
		seen[id] = true
		v, err := m.value(item)
		if err != nil {
			return "", err
		}
		if strings.ContainsAny(v, "\r\n") {
			return "", fmt.Errorf("component %s has a line end", id)
		}
		fmt.Fprintf(&b, "%s: %s\n", id, v)
	}
	params, err := httpsfv.Marshal(in)
	if err != nil {
		return "", err
	}
	fmt.Fprintf(&b, "\"@signature-params\": %s", params)
	return b.String(), nil
}

// sign adds Content-Digest (RFC 9530), Signature-Input and Signature to m.
func (m message) sign(key ed25519.PrivateKey, keyID, tag string, covered []string, body []byte, now time.Time) error {
	m.header.Set("Content-Digest", digestOf(body))
	in := httpsfv.InnerList{Params: httpsfv.NewParams()}
	for _, id := range covered {
		item, err := httpsfv.UnmarshalItem([]string{id})
		if err != nil {
			return err
		}
		in.Items = append(in.Items, item)
	}
	nonce := make([]byte, 24)
	rand.Read(nonce)
	in.Params.Add("created", now.Unix())
	in.Params.Add("expires", now.Add(signedFor).Unix())
	in.Params.Add("nonce", base64.RawURLEncoding.EncodeToString(nonce))
	in.Params.Add("alg", algorithm)
	in.Params.Add("keyid", keyID)
	in.Params.Add("tag", tag)
	base, err := m.base(in)
	if err != nil {
		return err
	}
	input, signature := httpsfv.NewDictionary(), httpsfv.NewDictionary()
	input.Add(label, in)
	signature.Add(label, httpsfv.NewItem(ed25519.Sign(key, []byte(base))))
	for name, d := range map[string]*httpsfv.Dictionary{"Signature-Input": input, "Signature": signature} {
		text, err := httpsfv.Marshal(d)
		if err != nil {
			return err
		}
		m.header.Set(name, text)
	}
	return nil
}

// stated is what a signature says of itself.
type stated struct {
	keyID, nonce string
	created      time.Time
	base         string
	signature    []byte
}

// errSignature: the message is not signed as it must be.
var errSignature = errors.New("the message's signature does not hold")

// stated reads m's signature without believing it. It must be the only one,
// cover exactly what it should, be of this tag and algorithm, and be in time.
func (m message) stated(tag string, covered []string, now time.Time) (s stated, err error) {
	fail := func(format string, args ...any) (stated, error) {
		return stated{}, fmt.Errorf("%w: %s", errSignature, fmt.Sprintf(format, args...))
	}
	input, err := httpsfv.UnmarshalDictionary(m.header.Values("Signature-Input"))
	if err != nil || len(input.Names()) != 1 || input.Names()[0] != label {
		return fail("one Signature-Input named %s is needed", label)
	}
	member, _ := input.Get(label)
	in, ok := member.(httpsfv.InnerList)
	if !ok {
		return fail("Signature-Input is no list of components")
	}
	var ids []string
	for _, item := range in.Items {
		id, err := httpsfv.Marshal(item)
		if err != nil {
			return fail("a component cannot be read")
		}
		ids = append(ids, id)
	}
	if !slices.Equal(ids, covered) {
		return fail("it covers %s, not %s", strings.Join(ids, " "), strings.Join(covered, " "))
	}
	text := func(name string) string { v, _ := in.Params.Get(name); t, _ := v.(string); return t }
	unix := func(name string) int64 { v, _ := in.Params.Get(name); n, _ := v.(int64); return n }
	created, expires := unix("created"), unix("expires")
	s = stated{keyID: text("keyid"), nonce: text("nonce"), created: time.Unix(created, 0).UTC()}
	switch {
	case len(in.Params.Names()) != 6 || text("alg") != algorithm || text("tag") != tag:
		return fail("it must state created, expires, nonce, alg %s, keyid, and tag %s", algorithm, tag)
	case s.keyID == "" || len(s.nonce) < 16 || len(s.nonce) > 64:
		return fail("a key and a nonce of 16 to 64 characters are needed")
	case expires <= created || expires-created > int64(signedFor/time.Second):
		return fail("it must hold for at most %v", signedFor)
	case now.Add(skew).Before(s.created) || now.Add(-skew).After(time.Unix(expires, 0)):
		return fail("it was made at %s, and it is %s here", s.created.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	signature, err := httpsfv.UnmarshalDictionary(m.header.Values("Signature"))
	if err != nil || len(signature.Names()) != 1 {
		return fail("one Signature is needed")
	}
	member, _ = signature.Get(label)
	item, _ := member.(httpsfv.Item)
	if s.signature, ok = item.Value.([]byte); !ok || len(s.signature) != ed25519.SignatureSize {
		return fail("Signature is not of Ed25519")
	}
	if s.base, err = m.base(in); err != nil {
		return fail("%v", err)
	}
	return s, nil
}

// verify checks that key made the signature, and that body is what was digested.
func (s stated) verify(key ed25519.PublicKey, h http.Header, body []byte) error {
	if h.Get("Content-Digest") != digestOf(body) {
		return fmt.Errorf("%w: the content is not what Content-Digest says", errSignature)
	}
	if !ed25519.Verify(key, []byte(s.base), s.signature) {
		return fmt.Errorf("%w: it was not made by %s", errSignature, s.keyID)
	}
	return nil
}

// digestOf is the one form of Content-Digest used: sha-256 alone.
func digestOf(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=:" + base64.StdEncoding.EncodeToString(sum[:]) + ":"
}
