package config_test

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
)

// leaf is a key of the schema that holds a value.
type leaf struct {
	key       string
	values    []any // that it may have
	immutable bool
}

// leaves reads them from the schema.
func leaves(t *testing.T) []leaf {
	t.Helper()
	var all []leaf
	var walk func(rule map[string]any, key string)
	walk = func(rule map[string]any, key string) {
		if properties, section := rule["properties"].(map[string]any); section {
			for name, below := range properties {
				walk(below.(map[string]any), strings.TrimPrefix(key+"."+name, "."))
			}
			return
		}
		l := leaf{key: key, values: rule["examples"].([]any)}
		l.immutable, _ = rule["x-immutable"].(bool)
		if standard := rule["default"]; standard != nil {
			l.values = append(l.values, standard)
		}
		if rule["type"] == "boolean" {
			l.values = []any{true, false}
		}
		if least, ok := rule["minimum"].(float64); ok {
			l.values = append(l.values, least, least+1, rule["maximum"])
		}
		if l.immutable {
			l.values = l.values[:1] // two of them may not differ
		}
		if key != "schema" {
			all = append(all, l)
		}
	}
	walk(schemaTree(t), "")
	slices.SortFunc(all, func(a, b leaf) int { return strings.Compare(a.key, b.key) })
	return all
}

// random is a configuration in which every key is set with a chance of one in n.
func random(t *testing.T, r *rand.Rand, all []leaf, n int) *config.Config {
	t.Helper()
	root := map[string]any{}
	for _, l := range all {
		if r.IntN(n) > 0 {
			continue
		}
		at := root
		names := strings.Split(l.key, ".")
		for _, name := range names[:len(names)-1] {
			if at[name] == nil {
				at[name] = map[string]any{}
			}
			at = at[name].(map[string]any)
		}
		at[names[len(names)-1]] = l.values[r.IntN(len(l.values))]
	}
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	c, err := config.Parse("random.yml", text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return c
}

func TestMerge_keepsWhatIsNotGivenOverRandomConfigurations(t *testing.T) {
	all := leaves(t)
	r := rand.New(rand.NewPCG(5, 7))
	merge := func(stored, given *config.Config) *config.Config {
		merged, err := config.Merge(stored, given)
		if err != nil {
			t.Fatal(err)
		}
		return merged
	}
	for range 150 {
		// What exists was made in a network, which is in the stored configuration.
		x, y := random(t, r, all, 2), random(t, r, all, 4)
		if x.AWS != nil && y.AWS != nil {
			x.AWS.Network = y.AWS.Network
		}
		before := [2]*config.Config{merge(nil, x), merge(nil, y)}
		xy := merge(x, y)
		for name, pair := range map[string][2]*config.Config{
			"merge(x, nothing) is x":         {merge(x, &config.Config{}), x},
			"merge(x, nil) is x":             {merge(x, nil), x},
			"merge(nothing, x) is x":         {merge(&config.Config{}, x), x},
			"merge(x, x) is x":               {merge(x, x), x},
			"merge(xy, nothing) is xy":       {merge(xy, &config.Config{}), xy},
			"merge(xy, y) is xy":             {merge(xy, y), xy},
			"x was not changed":              {x, before[0]},
			"y was not changed":              {y, before[1]},
			"xy with defaults keeps its own": {merge(config.Defaults(xy), xy), config.Defaults(xy)},
		} {
			if !reflect.DeepEqual(pair[0], pair[1]) {
				t.Fatalf("%s does not hold: %v", name, config.Diff(pair[0], pair[1]))
			}
		}
		for _, change := range config.Diff(y, xy) { // only what y leaves out
			if change.Old != "" {
				t.Fatalf("given %s, and it became %s", change.Old, change.New)
			}
		}
		for _, change := range append(config.Diff(x, xy), config.Diff(xy, config.Defaults(xy))...) {
			if change.New == "" && !strings.HasPrefix(change.Key, "aws.tags.") && !strings.HasPrefix(change.Key, "auth.local_users.") && !strings.HasPrefix(change.Key, "manifest.vars.") {
				t.Fatalf("%s was %s, and was reset", change.Key, change.Old)
			}
		}
	}
}

func TestMerge_replacesListsAndMapsWhole(t *testing.T) {
	stored := parse(t, "aws: {tags: {a: b, c: d}}\nworkers: {tags: [x, y]}\nauth: {github: {client_id: i, client_secret: s}}\nmanifest: {vars: {a: 1}}")
	given := parse(t, "aws: {tags: {e: f}}\nworkers: {tags: []}\nauth: {github: {client_secret: s2}}\nmanifest: {vars: {b: 2}}")
	merged, err := config.Merge(stored, given)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(merged.AWS.Tags, map[string]string{"e": "f"}) || len(merged.Workers.Tags) != 0 || merged.Workers.Tags == nil {
		t.Errorf("got %v, %v", merged.AWS.Tags, merged.Workers.Tags)
	}
	if g := merged.Auth.GitHub; g.ClientID != "i" || g.ClientSecret.Reveal() != "s2" {
		t.Errorf("the section is %+v", g)
	}
	if !reflect.DeepEqual(merged.Manifest.Vars, map[string]any{"b": 2}) {
		t.Errorf("the variables are %v", merged.Manifest.Vars)
	}
}

func TestMerge_turnsOffWhatIsGivenAsFalse(t *testing.T) {
	stored := parse(t, "workers: {spot: true}\ndatabase: {multi_zone: true}")
	merged, err := config.Merge(stored, parse(t, "workers: {spot: false}\ndatabase: {multi_zone: false}"))
	if err != nil || *merged.Workers.Spot || *merged.Database.MultiZone {
		t.Errorf("got %+v %+v, %v", merged.Workers, merged.Database, err)
	}
}

func TestMerge_nullTakesTheStoredValueAway(t *testing.T) {
	stored := parse(t, `
name: ci
workers: {count: 3, tags: [a], disk: 300}
auth: {github: {client_id: i, client_secret: s}, main_team: {github_users: [ada]}}
proxy: {http: "http://a:1", no: [b]}
`)
	merged, err := config.Merge(stored, parse(t, "workers: {count: null, tags: ~}\nauth: {github: null, main_team: {github_users: null}}\nproxy: null"))
	if err != nil {
		t.Fatal(err)
	}
	if want := parse(t, "name: ci\nworkers: {disk: 300}"); !reflect.DeepEqual(merged, want) {
		t.Errorf("left: %v", config.Diff(want, merged))
	}
	if got := config.Defaults(merged).Workers.Count; got != 1 {
		t.Errorf("the default count is %d", got)
	}
	given := parse(t, "proxy: null")
	if err := config.Apply(given, "--proxy-https", "proxy.https", "http://c:2"); err != nil {
		t.Fatal(err)
	}
	if merged, err = config.Merge(stored, given); err != nil || merged.Proxy.HTTP != "" || merged.Proxy.HTTPS != "http://c:2" {
		t.Errorf("null in the file and a flag: %+v, %v", merged.Proxy, err)
	}
}

func TestMerge_refusesToChangeWhatStays(t *testing.T) {
	made := "name: ci\naws: {region: eu-central-1, zones: [eu-central-1a, eu-central-1b]}\n"
	inVPC := "name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001], private_subnets: [subnet-00000002]}}\ndatabase: {kind: vm}\n"
	for name, of := range map[string]struct{ stored, given, key, want string }{
		"the name":          {made, "name: cd", "name", "is ci since the first deploy and cannot become cd"},
		"the region":        {made, "aws: {region: eu-west-1}", "aws.region", "is eu-central-1 since"},
		"the account":       {made + "", "aws: {account: '111111111111'}", "", ""},
		"another account":   {"aws: {account: '111111111111'}", "aws: {account: '222222222222'}", "aws.account", "cannot become 222222222222"},
		"the zones":         {made, "aws: {zones: [eu-central-1a]}", "aws.zones", "is [eu-central-1a, eu-central-1b] since"},
		"the network":       {made, "aws: {network: {cidr: 10.1.0.0/16}}", "aws.network.cidr", "is 10.0.0.0/16 since"},
		"the same network":  {made, "aws: {network: {cidr: 10.0.0.0/16}}", "", ""},
		"a VPC":             {made, "aws: {network: {vpc: vpc-00000001}}", "aws.network.vpc", "is none since"},
		"another VPC":       {inVPC, "aws: {network: {vpc: vpc-00000002}}", "aws.network.vpc", "is vpc-00000001 since"},
		"a subnet more":     {inVPC, "aws: {network: {public_subnets: [subnet-00000001, subnet-00000003]}}", "aws.network.public_subnets", "is [subnet-00000001] since"},
		"the database":      {made, "database: {kind: vm}", "database.kind", "is rds since the first deploy and cannot become vm"},
		"the other way":     {inVPC, "database: {kind: rds}", "database.kind", "is vm since"},
		"null":              {inVPC, "database: {kind: null}", "database.kind", "cannot become null"},
		"a section as null": {made, "aws: null", "aws.region", "cannot become null"},
		"nothing":           {made, "workers: {count: 2}", "", ""},
		"nothing stored":    {"", "name: cd", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			stored := parse(t, of.stored)
			_, err := config.Merge(stored, parse(t, of.given))
			var immutable *config.ImmutableError
			switch {
			case of.key == "" && err != nil:
				t.Errorf("refused: %v", err)
			case of.key != "" && (!errors.As(err, &immutable) || immutable.Key != of.key):
				t.Errorf("got %v", err)
			case of.key != "" && (!strings.Contains(err.Error(), of.want) || !strings.Contains(err.Error(), "nothing was changed")):
				t.Errorf("got %v, want %q", err, of.want)
			}
		})
	}
}

func TestDefaults_fillOnlyWhatIsOfUse(t *testing.T) {
	c := config.Defaults(parse(t, "name: ci\naws: {region: eu-central-1}"))
	if c.AWS.Network.CIDR != "10.0.0.0/16" || c.Workers.Count != 1 || !*c.Workers.Spot || c.Workers.InstanceTypes[0] != "m6a.xlarge" ||
		c.Database.Kind != "rds" || c.TLS.Mode != "self_signed" || c.Pipeline.Credentials != "ssm" || c.Schema != 1 || c.Web.Disk != 20 {
		t.Errorf("got %+v", c)
	}
	if c.AWS.Zones != nil || c.Access.Director != nil || c.Auth.GitHub != nil || c.State != nil {
		t.Error("what has to be looked up, or is not wanted, is set")
	}
	for text, want := range map[string]func(*config.Config) bool{
		"aws: {network: {vpc: vpc-00000001}}":       func(c *config.Config) bool { return c.AWS.Network.CIDR == "" },
		"aws: {}\ndatabase: {kind: vm}":             func(c *config.Config) bool { return c.Database.InstanceType == "t3.small" },
		"director: {url: 'https://10.0.0.6:25555'}": func(c *config.Config) bool { return c.Database.Kind == "vm" && c.Director.Deployment == "concourse" },
		"name: ci": func(c *config.Config) bool { return c.Database.Kind == "" && c.AWS == nil && c.Web.Instances == 1 },
		"tls: {certificate: \"-----BEGIN CERTIFICATE-----\"}":                                                  func(c *config.Config) bool { return c.TLS.Mode == "own" },
		"aws: {}\naccess: {domain: ci.example.com}\ntls: {mode: lets_encrypt}":                                 func(c *config.Config) bool { return c.Pipeline.Credentials == "idtoken" },
		"aws: {}\naccess: {domain: ci.example.com, port: 8443}\ntls: {mode: lets_encrypt}":                     func(c *config.Config) bool { return c.Pipeline.Credentials == "ssm" },
		"aws: {}\naccess: {domain: ci.example.com, web: [10.0.0.0/8]}\ntls: {mode: lets_encrypt}":              func(c *config.Config) bool { return c.Pipeline.Credentials == "ssm" },
		"aws: {}\naccess: {domain: ci.example.com}\ntls: {mode: lets_encrypt}\npipeline: {credentials: ssm}\n": func(c *config.Config) bool { return c.Pipeline.Credentials == "ssm" },
	} {
		if c := config.Defaults(parse(t, text)); !want(c) {
			t.Errorf("%s: got %+v", text, c)
		}
	}
}

func TestPinned_holdsWhatMayNotChange(t *testing.T) {
	c := config.Pinned(parse(t, "name: ci\naws: {region: eu-central-1}"))
	want := parse(t, "name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.0/16}}\ndatabase: {kind: rds}")
	if !reflect.DeepEqual(c, want) {
		t.Errorf("differs: %v", config.Diff(want, c))
	}
}

func TestBucketName_isTheConfiguredOneOrMadeUp(t *testing.T) {
	const onAWS = "name: ci\naws: {region: eu-central-1}\n"
	for text, want := range map[string]string{
		onAWS:                               "perpetual-ci-123456789012-eu-central-1",
		onAWS + "state: {bucket: my-state}": "my-state",
		"name: ci\ndirector: {url: 'https://10.0.0.6:25555'}": "",
	} {
		if got := config.BucketName(parse(t, text), "123456789012"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
