package bootstrap_test

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/credential"
	"github.com/perpetual-ci/perpetual/pkg/resource"
)

// leafEnd is when the certificates of an installation end that its own CA has signed.
func (c *cloud) leafEnd(t *testing.T) (end time.Time, digest string) {
	t.Helper()
	all, err := credential.Decode(credentialsName, []byte(c.document(t, credentialsName)))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range credential.Expiries(all, time.Now()) {
		if e.Name == "director_tls" {
			both, _ := all[e.Name].(map[string]any)
			text, _ := both["certificate"].(string)
			return e.NotAfter, text
		}
	}
	t.Fatal("there is no director_tls")
	return end, ""
}

// lengthen has all certificates but some end a year later, wherever they are: to renew one
// takes a new key, which is half a second.
func (c *cloud) lengthen(t *testing.T, but func(name string) bool) {
	t.Helper()
	all, err := credential.Decode(credentialsName, []byte(c.document(t, credentialsName)))
	if err != nil {
		t.Fatal(err)
	}
	pairs, longer := map[string]tls.Certificate{}, map[any]string{} // by the certificate as it was
	for name, value := range all {
		fields, _ := value.(map[string]any)
		text, _ := fields["certificate"].(string)
		key, _ := fields["private_key"].(string)
		if text == "" {
			continue
		}
		if pairs[text], err = tls.X509KeyPair([]byte(text), []byte(key)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, value := range all {
		fields, _ := value.(map[string]any)
		text, _ := fields["certificate"].(string)
		by, _ := fields["ca"].(string)
		ca, signed := pairs[by]
		if text == "" || text == by || !signed || but(name) {
			continue
		}
		template := *pairs[text].Leaf
		template.NotAfter = template.NotAfter.AddDate(1, 0, 0)
		der, err := x509.CreateCertificate(rand.Reader, &template, ca.Leaf, template.PublicKey, ca.PrivateKey)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		longer[text] = encoded("CERTIFICATE", der)
	}
	for _, name := range []string{credentialsName, "operator/pipeline.json"} {
		changed := 0
		c.amend(t, name, func(document map[string]any) {
			values, _ := document["values"].(map[string]any)
			for _, value := range values {
				if fields, is := value.(map[string]any); is && longer[fields["certificate"]] != "" {
					fields["certificate"] = longer[fields["certificate"]]
					changed++
				}
			}
		})
		if changed != len(longer) || changed == 0 {
			t.Fatalf("%d of %d certificates in %s are changed", changed, len(longer), name)
		}
	}
}

// The pipeline has not got the key of the director's CA. It says so while there is time,
// stops when there is little, and never lets a certificate end behind a good build.
func TestSelfUpgrade_saysWhichCertificatesItCannotRenew(t *testing.T) {
	const day = 24 * time.Hour
	withheld := []string{"director_tls", "mbus_tls", "blobstore_tls"}
	for name, of := range map[string]struct {
		before time.Duration // the end
		stops  bool
		warns  string // of each of them
	}{
		"long before":    {before: 40 * day},
		"within a month": {before: 20*day + time.Hour, warns: "which has 20 days left, is not renewed"},
		"in good time":   {before: 7*day + time.Hour, warns: "which has 7 days left, is not renewed"},
		"too late":       {before: 7*day - time.Hour, stops: true},
		"after the end":  {before: -3 * day, stops: true},
	} {
		c := installed(t)
		c.lengthen(t, func(name string) bool { return slices.Contains(withheld, name) || name == "nats_server_tls" })
		end, was := c.leafEnd(t)
		run := func(o bootstrap.Options) (*progress, error) {
			i, shown := c.install(t, given())
			i.ATC = func(resource.Concourse) (bootstrap.ATC, error) { return nil, errNoDirector } // it is no part of this
			i.Now = func() time.Time { return end.Add(-of.before) }
			_, err := i.Deploy(t.Context(), o)
			return shown, err
		}
		shown, err := run(bootstrap.Options{Self: true, Components: set})
		text := strings.Join(shown.lines, "\n")
		if of.stops {
			for _, part := range append(withheld, "configuration: ", "nothing was changed", "run perpetual deploy ci by hand") {
				if err == nil || !strings.Contains(err.Error(), part) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: the error lacks %q: %v", name, part, err)
				}
			}
			if made := c.written(); len(made) > 0 {
				t.Errorf("%s: it made %v", name, made)
			}
		} else if !strings.Contains(text, "end credentials: ") {
			t.Errorf("%s: it ends with %v", name, err)
		}
		for _, w := range withheld {
			line := "warning: the certificate " + w + ", " + of.warns
			if told := of.warns != "" && strings.Contains(text, line); told != (of.warns != "") || of.warns == "" && strings.Contains(text, "the certificate "+w) {
				t.Errorf("%s: of %s it says\n%s", name, w, text)
			}
		}
		if renewed := slices.ContainsFunc(shown.lines, func(l string) bool {
			return strings.HasPrefix(l, "end credentials: changed") && strings.Contains(l, "nats")
		}); renewed != (of.warns != "") {
			t.Errorf("%s: what it has the key for: renewed is %t\n%s", name, renewed, text)
		}
		// By hand they are renewed.
		_, _ = run(bootstrap.Options{})
		if _, now := c.leafEnd(t); (now != was) != (of.before < 30*day) {
			t.Errorf("%s: by hand it is renewed: %t", name, now != was)
		}
	}
}
