package check_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
)

// own are the keys of a director that exists alone, with a value.
var own = map[string]string{
	"director.url": "director: {url: 'https://10.0.0.6:25555'}", "director.client": "director: {client: c}", "director.client_secret": "director: {client_secret: s}",
	"director.deployment": "director: {deployment: d}", "cloud.web_address": "cloud: {web_address: 10.0.0.9}",
}

func TestConfig_takesADirectorOrAWS(t *testing.T) {
	for key, text := range own {
		says(t, key, onAWS+text, key+": is for an existing director, and with aws a new one is created; leave out one of them")
	}
	says(t, "neither", "name: ci\nstate: {dir: x}\ndirector: {client: c}", "aws: is required, or director.url for an existing director")
	says(t, "a director's address alone", "name: ci\nstate: {dir: x}\ndirector: {url: 'https://10.0.0.6:25555'}",
		"director.client: is required", "director.client_secret: is required", "access.domain: is required")
	says(t, "no name", strings.Replace(byo, "name: ci\n", "", 1), "name: is required, such as ci")
	says(t, "two webs behind one address", byo+"cloud: {web_address: 10.0.0.9}\nweb: {instances: 2}", "cloud.web_address: is one address, and web.instances is 2")
	says(t, "one web behind it", byo+"cloud: {web_address: 10.0.0.9}\nweb: {instances: 1}")
	says(t, "two webs behind a balancer", byo+"web: {instances: 2}")
	says(t, "a database", byo+"database: {kind: vm}")
}

// What only AWS has is named key for key, so that nobody waits for its effect.
func TestConfig_namesAllThatHasNoEffectWithoutAWS(t *testing.T) {
	c := parse(t, byo+"web: {instance_type: t3.large, disk: 30}\nworkers: {disk: 50, spot: false}\n")
	want := []string{"warning: web.instance_type: has no effect without aws", "warning: web.disk: has no effect without aws", "warning: workers.disk: has no effect without aws", "warning: workers.spot: has no effect without aws"}
	if lines := linesOf(c, now); !slices.Equal(lines, want) {
		t.Errorf("got  %q\nwant %q", lines, want)
	}
}

// Tags come in the order of the alphabet at each run.
func TestConfig_keepsTagsOfBOSHAndAWSFree(t *testing.T) {
	const text = "name: ci\naws:\n  region: eu-central-1\n  tags: {team: x, index: x, 'aws:x': x, Name: x, 'Perpetual:x': x, id: x, deployment: x, job: x, created_at: x, name: x, instance_group: x, director: x, Director: x, 'aws': x, perpetual: x, awsx: x}\n"
	const taken = ": is set by Perpetual or by BOSH; choose another name"
	for range 20 {
		says(t, "tags", text, "aws.tags.Name"+taken, "aws.tags.Perpetual:x"+taken, "aws.tags.aws:x: begins with aws:, which AWS keeps for itself", "aws.tags.created_at"+taken,
			"aws.tags.deployment"+taken, "aws.tags.director"+taken, "aws.tags.id"+taken, "aws.tags.index"+taken, "aws.tags.instance_group"+taken, "aws.tags.job"+taken, "aws.tags.name"+taken)
	}
}

func TestConfig_wantsOneStore(t *testing.T) {
	const key = "arn:aws:kms:%s:123456789012:key/0a1b2c3d"
	here, away := strings.Replace(key, "%s", "eu-central-1", 1), strings.Replace(key, "%s", "us-east-1", 1)
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                     {onAWS, nil},
		"a directory":                 {onAWS + "state: {dir: s}", nil},
		"a bucket and its key":        {onAWS + "state: {bucket: acme-state, kms_key: k}", nil},
		"a directory, bucket and key": {onAWS + "state: {dir: s, bucket: acme-state, kms_key: k}", []string{"state.bucket: state.dir is set as well", "state.kms_key: is for a bucket, and state.dir is set"}},
		"a bucket without aws":        {strings.Replace(byo, "dir: state", "bucket: acme-state", 1), nil},
		"an odd bucket without aws":   {strings.Replace(byo, "dir: state", "bucket: acme..state", 1), []string{"state.bucket: acme..state is not a valid bucket name"}},
		"an empty section, no aws":    {strings.Replace(byo, "{dir: state}", "{}", 1), []string{"state: is required without aws: set state.dir, or state.bucket"}},
		"an empty section":            {onAWS + "state: {}", nil},
		"a key of this region":        {onAWS + "state: {encryption: kms, encryption_key: '" + here + "', signing_key: '" + here + "'}", nil},
		"keys of another":             {onAWS + "state: {encryption: kms, encryption_key: '" + away + "', signing_key: '" + away + "'}", []string{"state.signing_key: is in us-east-1, and aws.region is eu-central-1", "state.encryption_key: is in us-east-1"}},
		"an alias":                    {onAWS + "state: {encryption: kms, encryption_key: alias/x, signing_key: alias/x}", nil},
		"a key of another, no aws":    {byo[:strings.Index(byo, "state:")] + "state: {dir: s, signing_key: '" + away + "'}", nil},
		"a key of any, no region":     {"name: ci\naws: {}\nstate: {dir: s, signing_key: '" + away + "'}", []string{"aws.region: is required"}},
		"age":                         {onAWS + "state: {encryption: age}", nil},
	} {
		says(t, name, of.text, of.want...)
	}
}

// The bucket's name is as long as name, account and region make it: 63 characters at most.
func TestConfig_countsTheNameOfTheBucketThatIsMade(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"63 characters":          {"name: a-name-of-25-letters-ther\naws: {region: ap-southeast-1}", nil},
		"64 characters":          {"name: a-name-of-26-letters-there\naws: {region: ap-southeast-1}", []string{"name: the state bucket perpetual-a-name-of-26-letters-there-123456789012-ap-southeast-1 has 64 characters"}},
		"64, of a known account": {"name: a-name-of-26-letters-there\naws: {region: ap-southeast-1, account: '999999999999'}", []string{"name: the state bucket perpetual-a-name-of-26-letters-there-999999999999-ap-southeast-1 has 64 characters"}},
		"64, kept elsewhere":     {"name: a-name-of-26-letters-there\naws: {region: ap-southeast-1}\nstate: {dir: s}", nil},
		"no name":                {"aws: {region: ap-southeast-1}", []string{"name: is required, such as ci"}},
		"no region":              {"name: a-name-of-27-letters-there0\naws: {}", []string{"aws.region: is required"}},
	} {
		says(t, name, of.text, of.want...)
	}
	for bucket, want := range map[string]string{"ab": "is not a valid bucket name: want 3 to 63", "-ab": "is not a valid bucket name: want 3 to 63", "ab-": "is not a valid bucket name: want 3 to 63", "Abc": "is not a valid bucket name: want 3 to 63",
		strings.Repeat("a", 64): "has 64 characters, and a bucket's name at most 63", "abc": "", "a.b": "", "1.2.3.4.5": "", "1.2.3.4": "is not a valid bucket name: dots"} {
		c := parse(t, onAWS)
		c.State = &config.State{Bucket: bucket}
		lines := linesOf(c, now)
		if want == "" && len(lines) > 0 || want != "" && (len(lines) != 1 || !strings.HasPrefix(lines[0], "state.bucket: "+bucket+" "+want)) {
			t.Errorf("%s: got  %q\nwant %q", bucket, lines, want)
		}
	}
}

func TestConfig_wantsADatabaseThatThereIs(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"a class for rds":           {"database: {kind: rds, instance_type: db.t4g.small}", nil},
		"a type for a vm":           {"database: {kind: vm, instance_type: t3.small}", nil},
		"a type for rds":            {"database: {kind: rds, instance_type: t3.small}", []string{"database.instance_type: t3.small is an EC2 type"}},
		"a class for a vm":          {"database: {kind: vm, instance_type: db.t3.small}", []string{"database.instance_type: db.t3.small is a class of RDS"}},
		"two zones":                 {"database: {kind: rds, multi_zone: true}", nil},
		"two zones of a vm":         {"database: {kind: vm, multi_zone: true}", []string{"database.multi_zone: is for rds only"}},
		"not in two zones, of a vm": {"database: {kind: vm, multi_zone: false}", nil},
	} {
		says(t, name, onAWS+of.text, of.want...)
	}
	says(t, "of the web one alone", onAWS+"web: {instances: 1}")
}

// Without Defaults nothing is said of what is not set: keys that have a default need none.
func TestConfig_saysNothingOfWhatIsNotSet(t *testing.T) {
	for _, text := range []string{onAWS, byo} {
		if problems := check.Config(parse(t, text), now); len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
		}
	}
}
