package manifest_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	biconfig "github.com/cloudfoundry/bosh-cli/v7/config"
	boshlog "github.com/cloudfoundry/bosh-utils/logger"
	boshuuid "github.com/cloudfoundry/bosh-utils/uuid"

	"github.com/perpetual-ci/perpetual/pkg/createenv/ledger"
	"github.com/perpetual-ci/perpetual/pkg/createenv/manifest"
	"github.com/perpetual-ci/perpetual/pkg/difference"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

const text = `
name: director
releases: [{name: cpi, url: "https://example.com/cpi.tgz", sha1: aa}]
resource_pools: [{name: vms, network: private, stemcell: {url: "https://example.com/stemcell.tgz", sha1: bb}}]
networks: [{name: private, type: manual, subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1}]}]
instance_groups:
- {name: bosh, instances: 1, jobs: [{name: cpi, release: cpi}], resource_pool: vms, networks: [{name: private, static_ips: [10.0.0.6]}],
   properties: {password: ((password)), size: ((size))}}
cloud_provider: {template: {name: cpi, release: cpi}, mbus: "https://10.0.0.6:6868", properties: {session: ((session))}}
`

// documents are documents in memory.
type documents map[string][]byte

func (d documents) Get(_ context.Context, name string) ([]byte, error) { return d[name], nil }

func (d documents) Put(_ context.Context, name string, body []byte) error {
	d[name] = body
	return nil
}

func (d documents) Delete(_ context.Context, name string) error {
	delete(d, name)
	return nil
}

func parse(t *testing.T, vars secret.Values) manifest.Manifest {
	t.Helper()
	logger := boshlog.NewLogger(boshlog.LevelNone)
	m, err := manifest.Source{
		Files: manifest.NewFileSystem(logger, t.TempDir(), []byte(text)), Vars: vars, Transient: []string{"session"},
		Show:  difference.Reader{Secret: map[string]bool{"password": true}, Key: secret.New("key of seals")},
		UUIDs: boshuuid.NewGenerator(), Logger: logger,
	}.Parse()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A credential is part of what is deployed, the keys of one run are not.
func TestParse_comparesCredentialsButNotThoseOfTheRun(t *testing.T) {
	sha := func(password any, session string) string {
		return parse(t, secret.Values{"password": password, "session": session, "size": 1}).SHA
	}
	before := sha("a", "monday")
	if sha(secret.New("a"), "tuesday") != before {
		t.Error("the keys of another run are a change")
	}
	if sha("b", "monday") == before {
		t.Error("another password is no change")
	}
}

// What the VM was made from is remembered without secrets, and told when it changes.
func TestDifferences_tellWhatHasChanged(t *testing.T) {
	store := documents{}
	w := ledger.NewWriter(t.Context(), store, false)
	was := parse(t, secret.Values{"password": "canary-1", "session": "monday", "size": 1})
	if err := was.Remember(w); err != nil {
		t.Fatal(err)
	}
	if body := string(store[ledger.ManifestDocument]); body == "" || strings.Contains(body, "canary") {
		t.Errorf("remembered is %q", body)
	}
	st := biconfig.DeploymentState{CurrentVMCID: "i-1", CurrentManifestSHA: was.SHA}
	lines := parse(t, secret.Values{"password": "canary-2", "session": "monday", "size": 2}).Differences(w, st)
	for _, want := range []string{
		"~ instance_groups/bosh/properties/size: 1 → 2", "~ instance_groups/bosh/properties/password: (hidden), another value",
		"  releases/cpi/url: https://example.com/cpi.tgz",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in:\n%s", want, strings.Join(lines, "\n"))
		}
	}
	if err := manifest.Forget(w); err != nil || len(store) > 0 {
		t.Errorf("error %v, left %v", err, store)
	}
}

// What a variable's name or type tells to be secret is masked, however deep it is.
func TestSecrets_areToldByNameAndType(t *testing.T) {
	found := manifest.Secrets(map[string]any{
		"admin_password": "one", "region": "eu-west-1", "ssl": map[string]any{"private_key": "two", "ca": "public"},
		"list": []any{map[any]any{"token": "three"}}, "hidden": secret.New("four"),
	})
	var values []string
	for _, v := range found {
		values = append(values, v.Reveal())
	}
	slices.Sort(values)
	if got := strings.Join(values, " "); got != "four one three two" {
		t.Errorf("secrets are %s", got)
	}
}
