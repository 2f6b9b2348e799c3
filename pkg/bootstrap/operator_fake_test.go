package bootstrap_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/document"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/keyring"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/seal"
)

// theKey is the key of every operator of the tests.
var theKey = sync.OnceValue(func() seal.Identity {
	key, err := seal.NewIdentity("ada-laptop", time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC))
	if err != nil {
		panic(err)
	}
	return key
})

// thePlace is where the states of the tests are.
const thePlace = "the bucket perpetual-ci-123456789012-eu-central-1"

// operator is keyring.Operator in memory.
type operator struct {
	keyless bool // the operator has no key file
	made    bool
	seen    keyring.Seen
	yes     bool     // what is asked for is accepted
	asked   []string // the lines of the last question

	meanwhile func()             // happens while a question is answered
	kms       map[string]*kmsKey // by what state.signing_key says
	wanted    int                // how often one of them was asked for
	vaults    map[string]*vault  // by what state.encryption_key says
}

// vault encrypts as a key of KMS does.
type vault struct {
	arn     string
	kept    map[string][]byte // by ciphertext and place
	refuses error
}

// vaults are all of them by their ARNs, for who looks into a store.
var vaults sync.Map

// lastVault tells them apart.
var lastVault atomic.Int64

func newVault() *vault {
	v := &vault{arn: fmt.Sprintf("arn:aws:kms:eu-central-1:123456789012:key/vault-%d", lastVault.Add(1)), kept: map[string][]byte{}}
	vaults.Store(v.arn, v)
	return v
}

// Name implements seal.Wrapper.
func (v *vault) Name() string { return v.arn }

// Wrap implements seal.Wrapper.
func (v *vault) Wrap(_ context.Context, at seal.Place, key []byte) ([]byte, error) {
	if v.refuses != nil {
		return nil, v.refuses
	}
	id := fmt.Sprintf("wrapped %d", len(v.kept))
	v.kept[id+" "+at.Installation+" "+at.Document] = bytes.Clone(key)
	return []byte(id), nil
}

// Unwrap implements seal.Wrapper.
func (v *vault) Unwrap(_ context.Context, at seal.Place, wrapped []byte) ([]byte, error) {
	key, is := v.kept[string(wrapped)+" "+at.Installation+" "+at.Document]
	if v.refuses != nil || !is {
		return nil, cmp.Or(v.refuses, errors.New("decrypt: InvalidCiphertextException"))
	}
	return key, nil
}

// Wrapper implements keyring.Operator.
func (o *operator) Wrapper(_ context.Context, name string) (seal.Wrapper, error) {
	for called, v := range o.vaults {
		if called == name || v.arn == name {
			return v, nil
		}
	}
	return nil, fmt.Errorf("use KMS key %s: there is none", name)
}

// kmsKey signs as a key of KMS does.
type kmsKey struct {
	arn     string
	private *ecdsa.PrivateKey
	refuses error // to sign
}

func newKMSKey(t *testing.T, id string) *kmsKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &kmsKey{arn: "arn:aws:kms:eu-central-1:123456789012:key/" + id, private: private}
}

// Public implements seal.Signer.
func (k *kmsKey) Public() seal.PublicKey {
	der, err := x509.MarshalPKIXPublicKey(&k.private.PublicKey)
	if err != nil {
		panic(err)
	}
	public, err := seal.NewP256(der)
	if err != nil {
		panic(err)
	}
	return public
}

// Origin implements seal.Signer.
func (k *kmsKey) Origin() seal.Origin { return seal.Origin{Host: k.arn} }

// Sign implements seal.Signer.
func (k *kmsKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	if k.refuses != nil {
		return nil, k.refuses
	}
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.private, sum[:])
}

// Signer implements keyring.Operator.
func (o *operator) Signer(_ context.Context, name string) (seal.Signer, error) {
	o.wanted++
	for called, key := range o.kms {
		if called == name || key.arn == name {
			return key, nil
		}
	}
	return nil, fmt.Errorf("use KMS key %s: there is none", name)
}

// Key implements keyring.Operator.
func (o *operator) Key() (seal.Identity, error) {
	if o.keyless {
		return seal.Identity{}, keyring.ErrNoKey
	}
	return theKey(), nil
}

// Make implements keyring.Operator.
func (o *operator) Make() (seal.Identity, error) {
	o.made, o.keyless = true, false
	return theKey(), nil
}

// Where implements keyring.Operator.
func (o *operator) Where() string { return "ci.operator-key" }

// Seen implements keyring.Operator.
func (o *operator) Seen() (keyring.Seen, error) { return o.seen, nil }

// Saw implements keyring.Operator.
func (o *operator) Saw(s keyring.Seen) error {
	o.seen = s
	return nil
}

// Accept implements keyring.Operator.
func (o *operator) Accept(_ string, lines []string) (bool, error) {
	o.asked = lines
	if o.meanwhile != nil {
		o.meanwhile()
	}
	return o.yes, nil
}

// signedBy makes a document that a key has signed.
func signedBy(t *testing.T, key seal.Signer, at seal.Place, body []byte, serial int64, recipients ...string) []byte {
	t.Helper()
	hidden, err := seal.Encrypt(body, append([]string{theKey().Recipient()}, recipients...)...)
	if err != nil {
		t.Fatal(err)
	}
	text, err := seal.Sign(context.Background(), key, at, serial, hidden)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// note notes a document as seen.
func (o *operator) note(name string, text []byte, serial int64) {
	all := map[string][]keyring.Version{}
	for n, v := range o.seen.Documents {
		all[n] = v
	}
	sum := sha256.Sum256(text)
	all[name] = []keyring.Version{{Serial: serial, Digest: hex.EncodeToString(sum[:])}}
	o.seen = keyring.Seen{Place: thePlace, Documents: all}
}

// open is what is in a document, sealed or not.
func (o *operator) open(t *testing.T, text []byte) string {
	t.Helper()
	plain, err := opened(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(plain)
}

// envelopes are those of the operator's documents.
func (c *cloud) envelopes(t *testing.T) (list []seal.Envelope) {
	t.Helper()
	for _, name := range document.Names() {
		if !strings.HasPrefix(name, "operator/") {
			continue
		}
		found, err := c.stores["ci"].Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		e, err := seal.Peek(found.Body)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, e)
	}
	return list
}

// stateKey is the pipeline's identity in the credentials, which are too large to be decoded
// for each run.
var stateKey = regexp.MustCompile(`"` + manifest.StateKey + `": ?"([^"]*)"`)

// inside is what the pipeline of the cloud's installation has.
func (c *cloud) inside(t *testing.T) keyring.Pipeline {
	t.Helper()
	store := c.stores["ci"]
	if store == nil {
		return keyring.Pipeline{}
	}
	if _, err := store.Get(t.Context(), credentialsName); err != nil {
		return keyring.Pipeline{}
	}
	key := ""
	if found := stateKey.FindStringSubmatch(c.document(t, credentialsName)); found != nil {
		key = found[1]
	}
	return keyring.Pipeline{Public: theKey().Public().String(), Identity: key}
}

// edit is a document in clear with a change.
func (c *cloud) edit(t *testing.T, name string, change func(map[string]any)) []byte {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal([]byte(c.document(t, name)), &fields); err != nil {
		t.Fatal(err)
	}
	change(fields)
	body, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

// amend changes one of the installation's documents, as the operator would have it.
func (c *cloud) amend(t *testing.T, name string, change func(map[string]any)) {
	t.Helper()
	body := c.edit(t, name, change)
	const far = 100 // beyond what the test's runs have written
	store := c.stores["ci"]
	found, err := store.Get(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.Peek(found.Body); err == nil {
		key, err := seal.ParseIdentity(c.inside(t).Identity)
		if err != nil {
			t.Fatal(err)
		}
		c.plantFor(t, store, name, body, far, key.Recipient())
		return
	}
	if _, err := store.Put(t.Context(), name, body, found.Revision); err != nil {
		t.Fatal(err)
	}
}

// configuration is what is stored of the user's wishes, without what was chosen.
func (c *cloud) configuration(t *testing.T) string {
	t.Helper()
	var fields struct {
		Configuration json.RawMessage
		Files         map[string]string
	}
	if err := json.Unmarshal([]byte(c.document(t, "operator/configuration.json")), &fields); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
