package credential

import (
	"crypto/x509"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/secret"
	"github.com/perpetual-ci/perpetual/pkg/state"
)

// documentFormat is how the credentials are kept. There is no migration yet.
var documentFormat = state.Format{Kind: "credentials"}

// document is the store's document.
type document struct {
	Values map[string]any `json:"values"` // {"director_ssl": {"certificate": …, "private_key": …, "ca": …}, "encryption_key": …}
}

// Encode writes credentials as the document that a state store keeps. It is the
// one place where they leave the process in clear.
func Encode(all secret.Values) ([]byte, error) {
	if all == nil {
		all = secret.Values{}
	}
	return documentFormat.Encode(document{Values: all.Reveal()})
}

// Decode reads what Encode wrote. It fails with a *state.NewerError for a document
// of a later release, and says when one is damaged.
func Decode(name string, body []byte) (secret.Values, error) {
	var d document
	if err := documentFormat.Decode(name, body, &d); err != nil {
		return nil, err
	}
	if d.Values == nil {
		return nil, fmt.Errorf("decode credentials %s: it is damaged: it has no values", name)
	}
	return d.Values, nil
}

// public are the fields of a credential that everybody may see.
var public = map[string]bool{"certificate": true, "ca": true, "public_key": true, "public_key_fingerprint": true}

// Secrets are all texts in the credentials that nobody may see, in the order of
// their names: what a masking writer hides.
func Secrets(all secret.Values) []secret.Value {
	var list []secret.Value
	var walk func(value any)
	walk = func(value any) {
		switch v := value.(type) {
		case string:
			if v != "" && !isCertificate(v) {
				list = append(list, secret.New(v))
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				if !public[key] {
					walk(v[key])
				}
			}
		}
	}
	// The names at the top are free: one may be "certificate".
	for _, name := range slices.Sorted(maps.Keys(all)) {
		walk(all[name])
	}
	return list
}

// isCertificate says whether a text is a certificate and nothing else of weight.
func isCertificate(text string) bool {
	return strings.HasPrefix(strings.TrimSpace(text), "-----BEGIN CERTIFICATE-----") && !strings.Contains(text, "PRIVATE KEY")
}

// Expiry is when a certificate ends.
type Expiry struct {
	Name     string    // "director_ssl"
	NotAfter time.Time // in UTC
	DaysLeft int       // whole ones; negative once it has ended
	CA       bool      // it signs others, and cannot be made again alone
}

// Expiries lists the certificates among the credentials, the one that ends first
// first. What cannot be read is left out.
func Expiries(all secret.Values, now time.Time) []Expiry {
	var list []Expiry
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, ok := all[name].(string)
		if both, isPair := asPair(all[name]); isPair {
			text, ok = both.certificate, true
		}
		if !ok {
			continue
		}
		certificate, err := parseCertificate(text)
		if err != nil {
			continue
		}
		list = append(list, Expiry{Name: name, NotAfter: certificate.NotAfter.UTC(), DaysLeft: daysLeft(certificate, now), CA: certificate.IsCA})
	}
	slices.SortStableFunc(list, func(a, b Expiry) int { return a.NotAfter.Compare(b.NotAfter) })
	return list
}

// daysLeft is for how many whole days a certificate is good, less than 0 for one that has
// ended.
func daysLeft(certificate *x509.Certificate, now time.Time) int {
	left := certificate.NotAfter.Sub(now)
	days := int(left.Hours() / 24)
	if left < 0 {
		days--
	}
	return days
}

// Withheld lists those of Expiries that nobody can make again with these credentials: the
// CA that has signed them is there without its key.
func Withheld(all secret.Values, now time.Time) []Expiry {
	var authorities []*x509.Certificate
	for _, value := range all {
		if both, ok := asPair(value); ok && both.privateKey == "" {
			if certificate, err := both.parse(); err == nil && certificate.IsCA {
				authorities = append(authorities, certificate)
			}
		}
	}
	return slices.DeleteFunc(Expiries(all, now), func(e Expiry) bool {
		both, ok := asPair(all[e.Name])
		if !ok || e.CA {
			return true
		}
		certificate, err := both.parse()
		return err != nil || !slices.ContainsFunc(authorities, func(ca *x509.Certificate) bool { return certificate.CheckSignatureFrom(ca) == nil })
	})
}
