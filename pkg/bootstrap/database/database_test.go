package database_test

import (
	"context"
	"errors"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap/database"
	"github.com/perpetual-ci/perpetual/pkg/bootstrap/record"
	"github.com/perpetual-ci/perpetual/pkg/component"
	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest"
	"github.com/perpetual-ci/perpetual/pkg/postgres"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/testkit"
)

const (
	onAWS   = "aws: {region: eu-central-1}\n"
	service = onAWS + "database: {kind: rds}\n"
	vm      = onAWS + "database: {kind: vm}\n"
)

// parsed is a perpetual.yml with its defaults.
func parsed(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte("name: ci\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return config.Defaults(c)
}

// database of an installation for a perpetual.yml, with a major that the configuration
// wants; 0 leaves it out.
func of(t *testing.T, text string, version int, known record.Record) database.Database {
	t.Helper()
	d := database.Database{Name: "ci", Config: parsed(t, text), Record: &known}
	d.Config.Database.Version = version
	return d
}

// set is one of Concourse and of postgres-release.
func set(concourse, release string) []component.Component {
	return []component.Component{{Name: "concourse", Version: concourse}, {Name: "postgres", Version: release}}
}

// deployed is a manifest with these versions and this databases.version, none for "".
func deployed(concourse, release, version string) []byte {
	if version != "" {
		version = ", version: " + version
	}
	return []byte("name: concourse\nreleases: [{name: concourse, version: " + concourse + "}, {name: postgres, version: '" + release + "'}]\n" +
		"instance_groups: [{name: data, jobs: [{name: postgres, release: postgres, properties: {databases: {port: 5432" + version + "}}}]}]\n")
}

func TestService_isOfAWSUnlessItIsAVM(t *testing.T) {
	for text, want := range map[string]bool{
		service: true, vm: false, onAWS: true,
		"director: {url: \"https://director.example.com:25555\", client: ci, client_secret: s3cret}\n": false,
	} {
		if got := database.Service(parsed(t, text)); got != want || of(t, text, 0, record.Record{}).Service() != want {
			t.Errorf("%q: %t", text, got)
		}
	}
	if database.Service(&config.Config{}) {
		t.Error("a director that exists has a service of AWS, where nothing is said")
	}
}

// A component set that the service cannot run is refused before anything is deployed.
func TestCheckService_looksAtConcourseAlone(t *testing.T) {
	for name, c := range map[string]struct {
		major   int
		applied string
		wanted  string
		says    []string
	}{
		"a newer Concourse":                 {17, "8.2.4", "8.2.5", nil},
		"a major that it does not know yet": {18, "8.2.3", "8.2.4", []string{"PostgreSQL 18 needs Concourse 8.2.5", "nothing was changed"}},
		"a major that it knows":             {18, "8.2.5", "8.3.0", nil},
		"Concourse 8 on an old one":         {12, "7.14.1", "8.2.5", []string{"pgcrypto", "upgrade PostgreSQL first"}},
		"Concourse 8 stays on an old one":   {12, "8.2.4", "8.2.5", nil},
	} {
		var known record.Record
		known.Applied, known.Desired = set(c.applied, ""), set("1.0.0", "")
		// The release's own majors are nothing to a service.
		testkit.Refused(t, name, of(t, service, 0, known).CheckService(c.major, set(c.wanted, "54.0.5")), c.says...)
	}
}

// The service's version changes with Concourse as it is.
func TestServiceChange_isAStepOfItsOwn(t *testing.T) {
	var known record.Record
	known.Desired, known.Applied = set("8.2.4", ""), set("8.2.3", "")
	for version, c := range map[int]struct {
		major bool
		says  []string
	}{
		17: {major: true}, 16: {}, 15: {says: []string{"is 16 and cannot become 15", "give 16 as database.version"}},
		18: {major: true, says: []string{"18 needs Concourse 8.2.5", "8.2.4 is older"}},
	} {
		change := of(t, service, version, known).ServiceChange(16)
		testkit.Refused(t, change.String(), change.Problem(), c.says...)
		if change.Major() != c.major {
			t.Errorf("16 → %d: a major upgrade is %t", version, change.Major())
		}
	}
}

func TestChange_isFromWhatTheDataMayBe(t *testing.T) {
	for name, c := range map[string]struct {
		deployed []byte
		begun    int // the major with which a deploy was begun
		want     postgres.Change
	}{
		"a first deploy":                  {nil, 0, postgres.Change{}},
		"a first deploy that was begun":   {nil, 16, postgres.Change{}},
		"what is deployed":                {deployed("8.2.4", "54.0.5", "16"), 0, postgres.Change{Group: "data", From: 16, ConcourseFrom: "8.2.4"}},
		"an upgrade that failed half-way": {deployed("8.2.4", "54.0.5", "16"), 17, postgres.Change{Group: "data", From: 17, ConcourseFrom: "8.2.4"}},
		"what the release says":           {deployed("8.2.4", "54.0.5", ""), 0, postgres.Change{Group: "data", From: 16, ConcourseFrom: "8.2.4"}},
	} {
		var known record.Record
		known.Postgres = c.begun
		want := c.want
		want.To, want.Release, want.ConcourseTo, want.Param = 17, "55.0.0", "8.2.5", "database.version"
		got, err := of(t, vm, 0, known).Change(c.deployed, set("8.2.5", "55.0.0"), 17)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
	_, err := of(t, vm, 0, record.Record{}).Change([]byte("a: ["), nil, 17)
	testkit.Refused(t, "a manifest that is not YAML", err, "the deployed manifest")
}

// disk is a VM's.
type disk struct {
	percent int
	silent  bool
	err     error
	asked   string
}

// DiskUsage implements database.Disk.
func (d *disk) DiskUsage(_ context.Context, deployment, group string) (int, bool, error) {
	d.asked = deployment + "/" + group
	return d.percent, !d.silent, d.err
}

// A major upgrade is begun by hand, on its own, with room for a copy of the data.
func TestMay_wantsRoomForAMajorUpgrade(t *testing.T) {
	major := postgres.Change{Group: "data", From: 16, To: 17, Release: "54.0.5", ConcourseFrom: "8.2.4", ConcourseTo: "8.2.4", Param: database.Key}
	same, mixed, lower := major, major, major
	same.To, same.ConcourseTo = 16, "8.2.5"
	mixed.ConcourseTo, lower.From = "8.2.5", 18
	lower.Release, lower.ConcourseFrom, lower.ConcourseTo = "55.0.0", "8.2.5", "8.2.5"
	for name, c := range map[string]struct {
		change postgres.Change
		bound  bool
		disk   disk
		asks   bool
		says   []string
	}{
		"enough room":             {change: major, disk: disk{percent: postgres.Most}, asks: true},
		"too little room":         {change: major, disk: disk{percent: postgres.Most + 1}, asks: true, says: []string{"disk of data is 46% full", "nothing was changed", "a larger disk"}},
		"an agent that is away":   {change: major, disk: disk{silent: true}, asks: true, says: []string{"disk of data has room", "nothing was changed", "bosh instances --vitals"}},
		"a director that is away": {change: major, disk: disk{err: errors.New("no answer")}, asks: true, says: []string{"disk of data has room", "no answer"}},
		"a self-upgrade":          {change: major, bound: true, says: []string{"PostgreSQL 16 → 17", "nothing was changed", "run perpetual deploy ci by hand, without --upgrade and --components"}},
		"a newer Concourse":       {change: mixed, says: []string{"step of its own", "deploy one of them first"}},
		"an older one":            {change: lower, says: []string{"is 18 and cannot become 17"}},
		"the same major":          {change: same, disk: disk{percent: 99}},
		"the same, by itself":     {change: same, bound: true, disk: disk{percent: 99}},
	} {
		d := of(t, vm, 0, record.Record{})
		d.Bound = c.bound
		testkit.Refused(t, name, d.May(t.Context(), &c.disk, c.change), c.says...)
		if want := map[bool]string{true: "concourse/data"}[c.asks]; c.disk.asked != want {
			t.Errorf("%s: it looks at the disk of %q, want %q", name, c.disk.asked, want)
		}
	}
	// A service has no disk to look at.
	major.Group, major.Release = "", ""
	testkit.Refused(t, "a service", of(t, service, 0, record.Record{}).May(t.Context(), nil, major))
}

// The major that is deployed stays until somebody asks for another.
func TestMajor_staysUntilAnotherIsAskedFor(t *testing.T) {
	type layers = []map[string]any
	for name, c := range map[string]struct {
		wanted   int
		begun    int
		deployed []byte
		vars     layers
		want     int
		says     []string
	}{
		"it is said":                       {wanted: 17, begun: 16, deployed: deployed("8.2.4", "54.0.5", "16"), want: 17},
		"a first deploy":                   {want: postgres.New},
		"what is deployed":                 {deployed: deployed("8.2.4", "54.0.5", "15"), want: 15},
		"an upgrade that failed half-way":  {begun: 17, deployed: deployed("8.2.4", "54.0.5", "16"), want: 17},
		"the user's variables say it":      {begun: 17, vars: layers{{"postgres_major": 15}}, want: 0},
		"nobody knows what is deployed":    {deployed: deployed("8.2.4", "31", ""), says: []string{"which PostgreSQL the group data has", "give the major as database.version"}},
		"a deploy that was begun knows it": {begun: 16, deployed: deployed("8.2.4", "31", ""), want: 16},
		"a config server knows it":         {begun: 16, deployed: deployed("8.2.4", "54.0.5", "((major))"), want: 0},
		"a manifest that is not YAML":      {begun: 16, deployed: []byte("a: ["), says: []string{"the deployed manifest"}},
	} {
		var known record.Record
		known.Postgres = c.begun
		got, err := of(t, vm, c.wanted, known).Major(c.deployed, func() (manifest.User, error) { return manifest.User{Vars: c.vars}, nil })
		if testkit.Refused(t, name, err, c.says...); got != c.want {
			t.Errorf("%s: it is %d, want %d", name, got, c.want)
		}
	}
	failed := func() (manifest.User, error) { return manifest.User{}, errors.New("no such file") }
	_, err := of(t, vm, 0, record.Record{}).Major(nil, failed)
	testkit.Refused(t, "variables that cannot be read", err, "no such file")
	if major, err := of(t, vm, 17, record.Record{}).Major(nil, failed); err != nil || major != 17 {
		t.Errorf("where the configuration says it: %d, %v", major, err)
	}
}

// What is known without asking the director is refused before the first step.
func TestCheckSet_refusesWhatIsKnownNotToGo(t *testing.T) {
	service18 := &manifest.Infrastructure{Database: manifest.Database{Major: 18}}
	for name, c := range map[string]struct {
		config  string
		version int
		known   record.Choice
		runs    bool // a deploy was begun
		before  []component.Component
		set     []component.Component
		says    []string
	}{
		"a new VM":                         {config: vm, set: set("8.2.5", "54.0.5")},
		"a new VM's major is not there":    {config: vm, version: 18, set: set("8.2.5", "54.0.5"), says: []string{"54.0.5 has PostgreSQL 15, 16 and 17, not 18", "a version of the release that has it"}},
		"a new VM, an old release":         {config: vm, set: set("8.2.5", "53.0.0")},
		"the VM's recorded major":          {config: vm, known: record.Choice{Postgres: 18}, runs: true, before: set("8.2.5", "55.0.0"), set: set("8.2.5", "54.0.5"), says: []string{"not 18"}},
		"what is said wins":                {config: vm, version: 17, known: record.Choice{Postgres: 18}, runs: true, set: set("8.2.5", "54.0.5")},
		"a VM of which nothing is known":   {config: vm, runs: true, before: set("7.14.1", "54.0.5"), set: set("8.2.5", "54.0.5")},
		"a service's major as it is":       {config: service, known: record.Choice{Infrastructure: service18}, before: set("8.2.3", ""), set: set("8.2.4", ""), says: []string{"18 needs Concourse 8.2.5"}},
		"a service's, whatever is said":    {config: service, version: 17, known: record.Choice{Infrastructure: service18}, set: set("8.2.4", ""), says: []string{"18 needs Concourse 8.2.5"}},
		"a service that is not there yet":  {config: service, version: 18, set: set("8.2.4", ""), says: []string{"18 needs Concourse 8.2.5"}},
		"a service knows of no release":    {config: service, version: 18, set: set("8.2.5", "54.0.5")},
		"Concourse 8 comes to an old one":  {config: vm, known: record.Choice{Postgres: 12}, runs: true, before: set("7.14.1", "44"), set: set("8.2.5", "44"), says: []string{"pgcrypto"}},
		"Concourse 8 stays on the old one": {config: vm, known: record.Choice{Postgres: 12}, runs: true, before: set("8.2.4", "44"), set: set("8.2.5", "44")},
	} {
		known := record.Record{Choice: c.known}
		known.Deployment = c.runs
		testkit.Refused(t, name, of(t, c.config, c.version, known).CheckSet(c.before, c.set), c.says...)
	}
}
