package seal_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/seal"
)

var place = seal.Place{Installation: "ci", Document: "operator/configuration.json"}

// newIdentity is a key made on a day.
func newIdentity(t *testing.T) seal.Identity {
	t.Helper()
	i, err := seal.NewIdentity("ada-laptop", time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// signed is a document of a place.
func signed(t *testing.T, s seal.Signer, at seal.Place, serial int64) []byte {
	t.Helper()
	text, err := seal.Sign(t.Context(), s, at, serial, `{"schema": 1}`)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// p256 signs as AWS KMS does.
type p256 struct{ key *ecdsa.PrivateKey }

func (p p256) Public() seal.PublicKey {
	der, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		panic(err)
	}
	public, err := seal.NewP256(der)
	if err != nil {
		panic(err)
	}
	return public
}

func (p256) Origin() seal.Origin { return seal.Origin{} }

func (p p256) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, p.key, sum[:])
}

func TestVerify_takesWhatWasSigned(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []seal.Signer{newIdentity(t), p256{key}} {
		public, err := seal.ParsePublicKey(s.Public().String())
		if err != nil || !reflect.DeepEqual(public, s.Public()) {
			t.Fatalf("the key as text gives %v, %v", public, err)
		}
		e, err := seal.Verify(signed(t, s, place, 3), place, public, 3)
		if err != nil || e.Body != `{"schema": 1}` || e.Serial != 3 || e.KeyID != public.ID() || e.KeyOrigin != s.Origin() {
			t.Errorf("Verify gives %+v, %v", e, err)
		}
	}
}

func TestVerify_refusesByName(t *testing.T) {
	ours, other := newIdentity(t), newIdentity(t)
	for name, c := range map[string]struct {
		text []byte
		want error
		says []string
	}{
		"an older release's document": {[]byte(`{"schema": 1, "name": "ci"}`), seal.ErrUnsigned, []string{place.Document}},
		"no JSON":                     {[]byte("no"), seal.ErrUnsigned, nil},
		"more than an envelope":       {append(signed(t, ours, place, 3), '{', '}'), seal.ErrUnsigned, nil},
		"a bracket behind it":         {append(signed(t, ours, place, 3), '}'), seal.ErrUnsigned, nil},
		"a key that is not known": {
			[]byte(strings.Replace(string(signed(t, ours, place, 3)), `"serial"`, `"more": 1, "serial"`, 1)), seal.ErrUnsigned, nil},
		"an envelope without a signature": {
			[]byte(strings.Replace(string(signed(t, ours, place, 3)), `"signature": "`, `"signature": "", "x": "`, 1)), seal.ErrUnsigned, nil},
		"a lower schema":       {[]byte(strings.Replace(string(signed(t, ours, place, 3)), `"schema": 1`, `"schema": 0`, 1)), seal.ErrUnsigned, nil},
		"a higher schema":      {[]byte(strings.Replace(string(signed(t, ours, place, 3)), `"schema": 1`, `"schema": 2`, 1)), seal.ErrNewer, nil},
		"another installation": {signed(t, ours, seal.Place{Installation: "ci-2", Document: place.Document}, 3), seal.ErrForeign, []string{`"ci-2"`, "not ci"}},
		"another document": {signed(t, ours, seal.Place{Installation: "ci", Document: "operator/credentials.json"}, 3), seal.ErrForeign,
			[]string{`signed as "operator/credentials.json"`}},
		"another key":    {signed(t, other, place, 3), seal.ErrSignature, []string{other.Public().ID(), ours.Public().ID()}},
		"a lower serial": {signed(t, ours, place, 2), seal.ErrReplayed, []string{"serial is 2", "3 was seen"}},
	} {
		e, err := seal.Verify(c.text, place, ours.Public(), 3)
		if !errors.Is(err, c.want) || e != (seal.Envelope{}) {
			t.Errorf("%s: Verify gives %+v, %v", name, e, err)
			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: no %q in %q", name, part, err)
			}
		}
	}
	if _, err := seal.Verify(signed(t, ours, place, 1), place, seal.PublicKey{}, 0); !errors.Is(err, seal.ErrSignature) {
		t.Errorf("without a key it gives %v", err)
	}
}

// Whatever is changed, the signature does not fit any more.
func TestVerify_coversEveryField(t *testing.T) {
	ours := newIdentity(t)
	text := signed(t, ours, place, 3)
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	fields["key_origin.host"], fields["key_origin.date"] = "", ""
	for field := range fields {
		var changed map[string]any
		if err := json.Unmarshal(text, &changed); err != nil {
			t.Fatal(err)
		}
		in, key := changed, field
		if outer, inner, nested := strings.Cut(field, "."); nested {
			in, key = changed[outer].(map[string]any), inner
		}
		switch value := in[key].(type) {
		case string:
			in[key] = "x" + value
		case float64:
			in[key] = value + 1
		case map[string]any:
			in[key] = map[string]any{}
		}
		body, err := json.Marshal(changed)
		if err != nil {
			t.Fatal(err)
		}
		if e, err := seal.Verify(body, place, ours.Public(), 0); err == nil {
			t.Errorf("with another %s it is taken: %+v", field, e)
		}
	}
}

// The lengths of the fields are signed: what is moved from one into the next is seen.
func TestVerify_keepsFieldsApart(t *testing.T) {
	ours := newIdentity(t)
	text, err := seal.Sign(t.Context(), ours, seal.Place{Installation: "ci", Document: "ab"}, 1, "c")
	if err != nil {
		t.Fatal(err)
	}
	moved := strings.Replace(strings.Replace(string(text), `"installation": "ci"`, `"installation": "cia"`, 1), `"document": "ab"`, `"document": "b"`, 1)
	if _, err := seal.Verify([]byte(moved), seal.Place{Installation: "cia", Document: "b"}, ours.Public(), 0); !errors.Is(err, seal.ErrSignature) {
		t.Errorf("it gives %v", err)
	}
}

func TestParsePublicKey_refusesWhatIsNone(t *testing.T) {
	for _, text := range []string{"", "ed25519:", "ed25519:AAAA", "ecdsa-p256:AAAA", "rsa:AAAA", "ed25519:!"} {
		if key, err := seal.ParsePublicKey(text); err == nil || key.String() != (seal.PublicKey{}).String() {
			t.Errorf("%q gives %v, %v", text, key, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	ours, err := seal.NewIdentity("host", time.Unix(0, 0))
	if err != nil {
		f.Fatal(err)
	}
	good, err := seal.Sign(context.Background(), ours, place, 3, "body")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte(`{"schema": 1, "kind": "perpetual/signed-document", "signature": "AAAA"}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := seal.Verify(text, place, ours.Public(), 3)
		if err == nil && fmt.Sprint(e.Installation, e.Document, e.Serial, e.Body) != fmt.Sprint("ci", place.Document, 3, "body") {
			t.Errorf("it takes %+v", e)
		}
		if err != nil && strings.ContainsRune(err.Error(), '\n') {
			t.Errorf("the error has several lines: %q", err)
		}
	})
}

// stray signs with another key than it says.
type stray struct{ seal.Identity }

func (s stray) Public() seal.PublicKey {
	other, err := seal.NewIdentity("elsewhere", time.Unix(0, 0))
	if err != nil {
		panic(err)
	}
	return other.Public()
}

func TestSign_refusesASignatureThatDoesNotFit(t *testing.T) {
	if text, err := seal.Sign(t.Context(), stray{newIdentity(t)}, place, 1, "body"); !errors.Is(err, seal.ErrSignature) || text != nil {
		t.Errorf("it gives %q, %v", text, err)
	}
}

func TestOrigin_saysWhereAKeyIs(t *testing.T) {
	const arn = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
	for want, o := range map[string]seal.Origin{"kept in KMS as " + arn: {Host: arn}, "made on ada-laptop on 2026-11-29": {Host: "ada-laptop", Date: "2026-11-29"}, "made": {}} {
		if got := o.String(); got != want || (o.Kept() != "") != strings.Contains(want, "arn:") {
			t.Errorf("%+v is %q, kept %q", o, got, o.Kept())
		}
	}
}
