package check_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
)

// says wants exactly these problems of a file: each begins with one of want, in its order.
func says(t *testing.T, name, text string, want ...string) {
	t.Helper()
	lines := validate(t, text)
	if len(lines) != len(want) {
		t.Errorf("%s: got %q, want %q", name, lines, want)
		return
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, want[i]) {
			t.Errorf("%s: got %q, want %q", name, line, want[i])
		}
	}
}

// Where the pipeline's own user is no owner of the team main, somebody must be whose
// password is known.
func TestConfig_wantsAnOwnerWithoutQuietUpgrades(t *testing.T) {
	const loud, problem = onAWS + "pipeline: {quiet_upgrades: false}\n", "pipeline.quiet_upgrades: false needs a local user in the team main"
	github := "auth: {github: {client_id: i, client_secret: s}, local_users: {ada: x}, main_team: {github_teams: ['o:t']%s}}\n"
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"the generated admin":         {loud, nil},
		"a local user in the team":    {loud + strings.Replace(github, "%s", ", local_users: [ada]", 1), nil},
		"a team of GitHub's alone":    {loud + strings.Replace(github, "%s", "", 1), []string{problem}},
		"the same, quietly":           {onAWS + "pipeline: {quiet_upgrades: true}\n" + strings.Replace(github, "%s", "", 1), nil},
		"the same, and nothing said":  {onAWS + strings.Replace(github, "%s", "", 1), nil},
		"the same on an own director": {byo + "pipeline: {quiet_upgrades: false}\n" + strings.Replace(github, "%s", "", 1), []string{"warning: pipeline.quiet_upgrades: has no effect without aws"}},
	} {
		says(t, name, of.text, of.want...)
	}
}

func TestConfig_saysWhatIdentityTokensLack(t *testing.T) {
	const tokens = onAWS + "pipeline: {credentials: idtoken}\n"
	certificate, key := pair(t, "ci.example.com", now.AddDate(0, 0, -1), now.AddDate(1, 0, 0))
	own := "tls:\n  mode: own\n  certificate: |\n    " + strings.ReplaceAll(strings.TrimSpace(certificate), "\n", "\n    ") +
		"\n  private_key: |\n    " + strings.ReplaceAll(strings.TrimSpace(key), "\n", "\n    ") + "\n"
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                  {tokens + "access: {domain: ci.example.com}\n" + own, nil},
		"another port":             {tokens + "access: {domain: ci.example.com, port: 8443}\n" + own, []string{"pipeline.credentials: idtoken needs access.port 443"}},
		"everybody":                {tokens + "access: {domain: ci.example.com, web: [10.0.0.0/8]}\n" + own, []string{"pipeline.credentials: idtoken needs access.web to hold 0.0.0.0/0"}},
		"nothing, with parameters": {onAWS + "pipeline: {credentials: ssm}\naccess: {domain: ci.example.com, port: 8443}\n" + own, nil},
	} {
		says(t, name, of.text, of.want...)
	}
}

func TestConfig_knowsWhichBucketNamesS3Takes(t *testing.T) {
	for name, problem := range map[string]string{
		"acme-state": "", "acme.state": "", "a1b": "", "1ab": "", strings.Repeat("a", 63): "",
		"acme..state": "is not a valid bucket name: dots", "acme.-state": "is not a valid bucket name: dots", "acme-.state": "is not a valid bucket name: dots",
		"192.168.5.4":         "is not a valid bucket name: dots",
		"sthree-acme":         "begins or ends as S3 keeps for itself",
		"amzn-s3-demo-bucket": "begins or ends as S3 keeps for itself",
		"acme-s3alias":        "begins or ends as S3 keeps for itself",
		"acme--ol-s3":         "begins or ends as S3 keeps for itself",
		"acme.mrap":           "begins or ends as S3 keeps for itself",
		"acme--x-s3":          "begins or ends as S3 keeps for itself",
	} {
		var want []string
		if problem != "" {
			want = []string{"state.bucket: " + name + " " + problem}
		}
		says(t, name, onAWS+"state: {bucket: "+name+"}", want...)
	}
}

func TestConfig_saysWhichNetworksOverlap(t *testing.T) {
	for name, of := range map[string]struct {
		text string
		want []string
	}{
		"two apart":          {"access: {web: [10.1.0.0/16, 10.2.0.0/16]}", nil},
		"one within another": {"access: {director: [10.0.0.0/8, 10.2.0.0/16]}", []string{"warning: access.director[1]: 10.2.0.0/16 and 10.0.0.0/8 overlap"}},
		"one around another": {"access: {web: [10.2.0.0/16, 10.0.0.0/8]}", []string{"warning: access.web[1]: 10.0.0.0/8 and 10.2.0.0/16 overlap"}},
		"one in both lists":  {"access: {web: [10.2.0.0/16], director: [10.2.0.0/16]}", nil},
		"beyond the largest": {"access: {web: [10.2.0.0/33]}", []string{`access.web[0]: "10.2.0.0/33" is not an IPv4 network`}},
		"eight":              {"access: {web: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24, 10.0.5.0/24, 10.0.6.0/24, 10.0.7.0/24]}", nil},
	} {
		says(t, name, onAWS+of.text, of.want...)
	}
}

func TestConfig_knowsPrivateNetworks(t *testing.T) {
	for cidr, private := range map[string]bool{
		"10.1.0.0/16": true, "172.16.0.0/16": true, "172.31.0.0/16": true, "192.168.0.0/16": true, "100.64.0.0/16": true, "100.127.0.0/16": true,
		"172.32.0.0/16": false, "172.15.0.0/16": false, "192.169.0.0/16": false, "100.128.0.0/16": false, "11.0.0.0/16": false,
	} {
		var want []string
		if !private {
			want = []string{"warning: aws.network.cidr: " + cidr + " is not a private network"}
		}
		says(t, cidr, "name: ci\naws: {region: eu-central-1, network: {cidr: "+cidr+"}}", want...)
	}
}

// Containers of builds have addresses of their own, which no VPC may have.
func TestConfig_keepsTheContainersNetworksFree(t *testing.T) {
	for cidr, want := range map[string][]string{
		"10.80.0.0/20":   {"aws.network.cidr: 10.80.0.0/20 overlaps 10.80.0.0/16"},
		"10.254.0.0/16":  {"aws.network.cidr: 10.254.0.0/16 overlaps 10.254.0.0/22"},
		"10.254.16.0/20": nil,
		"10.81.0.0/16":   nil,
		"10.79.0.0/16":   nil,
	} {
		says(t, cidr, "name: ci\naws: {region: eu-central-1, network: {cidr: "+cidr+"}}", want...)
	}
}

func TestConfig_looksAtTheLengthOfTheNameWithItsBucket(t *testing.T) {
	longest := strings.Repeat("a", check.MaxName)
	says(t, "the longest", "name: "+longest+"\naws: {region: us-east-1}\nstate: {bucket: acme-state}")
	says(t, "one more", "name: "+longest+"a\naws: {region: us-east-1}\nstate: {bucket: acme-state}", "name: has 28 characters, and with aws 27 are the most")
	says(t, "with a director of its own", strings.Replace(byo, "name: ci", "name: "+longest+"aaa", 1))
}

// The keys in the order of the file put their problems in order; a problem of an item is
// where its list is.
func TestConfig_hasTheOrderOfTheFileWithinLists(t *testing.T) {
	c := parse(t, "name: ci\naws: {region: eu-central-1, tags: {'aws:z': x, Name: y}}\nweb: {instances: 2}\naccess: {web: [10.0.0.1/8, 10.0.0.0/99], port: 22}\nworkers: {drain_timeout: 5m}\n")
	var keys []string
	for _, p := range check.Config(config.Defaults(c), now) {
		keys = append(keys, p.Key)
	}
	slices.Sort(keys[:2]) // of a map, in any order
	want := []string{"aws.tags.Name", "aws.tags.aws:z", "access.port", "access.web[0]", "access.web[1]", "web.instances", "workers.drain_timeout"}
	if !reflect.DeepEqual(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
}
