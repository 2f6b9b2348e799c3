package check_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/check"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
)

// now is when the configurations of these tests are looked at.
var now = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// onAWS is a configuration with which nothing is wrong.
const onAWS = "name: ci\naws: {region: eu-central-1}\n"

// byo is one with a director that exists.
const byo = "name: ci\ndirector: {url: 'https://10.0.0.6:25555', client: c, client_secret: s}\naccess: {domain: ci.example.com}\nstate: {dir: state}\n"

// parse reads a file that must be right.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("perpetual.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// validate gives the problems of a file, as lines.
func validate(t *testing.T, text string) []string {
	t.Helper()
	var lines []string
	for _, p := range check.Config(config.Defaults(parse(t, text)), now) {
		lines = append(lines, p.Error())
	}
	return lines
}

func TestConfig_findsNothingWrong(t *testing.T) {
	for name, text := range map[string]string{
		"the least":                 onAWS,
		"a director that exists":    byo,
		"zones":                     "name: ci\naws: {region: eu-central-1, zones: [eu-central-1a, eu-central-1c]}",
		"one zone without RDS":      "name: ci\naws: {region: eu-central-1, zones: [eu-central-1a]}\ndatabase: {kind: vm}",
		"a VPC that exists":         "name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001, subnet-00000002], private_subnets: [subnet-00000003, subnet-00000004]}}",
		"a small network":           "name: ci\naws: {region: eu-central-1, network: {cidr: 192.168.16.0/20}}",
		"a local state":             onAWS + "state: {dir: ./state}",
		"lets_encrypt":              onAWS + "access: {domain: ci.example.com}\ntls: {mode: lets_encrypt}",
		"idtoken":                   onAWS + "access: {domain: ci.example.com}\ntls: {mode: lets_encrypt}\npipeline: {credentials: idtoken}",
		"GitHub":                    onAWS + "auth: {github: {client_id: i, client_secret: s}, main_team: {github_teams: ['o:t'], local_users: [admin]}}",
		"local users":               onAWS + "auth: {local_users: {ada: x}, main_team: {local_users: [ada]}}",
		"a proxy":                   onAWS + "proxy: {http: 'http://proxy.example.com:3128', https: 'http://proxy.example.com:3128/', no: [.example.com]}",
		"a standby":                 onAWS + "database: {multi_zone: true, instance_type: db.m7g.large}",
		"a quiet upgrade":           onAWS + "upgrade: {way: quiet, quiet_timeout: 1h30m, on_quiet_timeout: go, colocate: false}",
		"a worker for upgrades":     onAWS + "workers: {tags: [big]}\nupgrade: {worker_tag: up}",
		"constraints":               onAWS + "versions: {concourse: '>=8.1, <9', stemcell: '1.484', perpetual: ~1.2}",
		"everything that init says": "name: ci\naws: {region: eu-central-1, account: '123456789012', tags: {team: platform}, permissions_boundary: 'arn:aws:iam::123456789012:policy/b'}",
	} {
		if lines := validate(t, text); len(lines) > 0 {
			t.Errorf("%s: %q", name, lines)
		}
	}
}

func TestConfig_saysWhatIsWrongWithPlacesAndNetworks(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"no name":                {"aws: {region: eu-central-1}", "name: is required, such as ci"},
		"no region":              {"name: ci\naws: {}", "aws.region: is required, such as eu-central-1"},
		"nothing to stand on":    {"name: ci\nstate: {dir: x}", "aws: is required, or director.url for an existing director"},
		"both":                   {onAWS + "director: {url: 'https://10.0.0.6:25555'}", "director.url: is for an existing director, and with aws a new one is created; leave out one of them"},
		"a zone as region":       {"name: ci\naws: {region: eu-central-1a}", "aws.region: eu-central-1a is a zone; its region is eu-central-1"},
		"a zone as both":         {"name: ci\naws: {region: eu-central-1a, zones: [eu-central-1a, eu-central-1b]}", "aws.region: eu-central-1a is a zone; its region is eu-central-1"},
		"a slip":                 {"name: ci\naws: {region: eu-centrl-1}", "aws.region: eu-centrl-1 is not a region; did you mean eu-central-1?"},
		"no number":              {"name: ci\naws: {region: eu-central}", "aws.region: eu-central is not a region; did you mean eu-central-1?"},
		"a country":              {"name: ci\naws: {region: germany}", "aws.region: germany is not a region"},
		"a new region":           {"name: ci\naws: {region: xa-northwest-3}", "warning: aws.region: xa-northwest-3 is not among the regions that this release knows; did you mean ap-northeast-3?"},
		"China":                  {"name: ci\naws: {region: cn-north-1}", "aws.region: cn-north-1 is in another partition of AWS, which Perpetual does not support"},
		"another's zone":         {"name: ci\naws: {region: eu-central-1, zones: [eu-central-1a, eu-west-1a]}", "aws.zones[1]: eu-west-1a is a zone of eu-west-1, and aws.region is eu-central-1"},
		"a region as zone":       {"name: ci\naws: {region: eu-central-1, zones: [eu-central-1, eu-central-1b]}", "aws.zones[0]: eu-central-1 is a region; a zone has a letter behind it, such as eu-central-1a"},
		"another region as zone": {"name: ci\naws: {region: eu-central-1, zones: [eu-west-1, eu-central-1b]}", "aws.zones[0]: eu-west-1 is a region; a zone has a letter behind it, such as eu-west-1a"},
		"a local zone":           {"name: ci\naws: {region: us-west-2, zones: [us-west-2-lax-1a, us-west-2b]}", "aws.zones[0]: us-west-2-lax-1a is a local zone, which lacks what is needed here; want one of us-west-2 itself, such as us-west-2a"},
		"no zone at all":         {"name: ci\naws: {region: us-west-2, zones: [one, us-west-2b]}", "aws.zones[0]: one is not a zone; want one such as us-west-2a"},
		"one zone":               {"name: ci\naws: {region: eu-central-1, zones: [eu-central-1a]}", "aws.zones: an RDS database needs two zones; add one, or set database.kind to vm"},
		"host bits":              {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.5/16}}", "aws.network.cidr: 10.0.0.5/16 has bits behind the prefix; the network is 10.0.0.0/16, and the single address 10.0.0.5/32"},
		"no network":             {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.500/16}}", `aws.network.cidr: "10.0.0.500/16" is not an IPv4 network; want one such as 10.0.0.0/16`},
		"a network too small":    {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.0/24}}", "aws.network.cidr: /24 is too small for the subnets; want /16 to /20"},
		"a network too large":    {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.0/8}}", "aws.network.cidr: AWS takes /16 to /28 for a VPC, got /8"},
		"the containers'":        {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.80.0.0/16}}", "aws.network.cidr: 10.80.0.0/16 overlaps 10.80.0.0/16, which the workers give to their containers"},
		"a public network":       {"name: ci\naws: {region: eu-central-1, network: {cidr: 8.8.0.0/16}}", "warning: aws.network.cidr: 8.8.0.0/16 is not a private network (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16); hosts on the internet with these addresses cannot be reached"},
		"subnets alone":          {"name: ci\naws: {region: eu-central-1, network: {public_subnets: [subnet-00000001]}}", "aws.network.vpc: is required where subnets are given"},
		"a VPC alone":            {"name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001}}", "aws.network.public_subnets: is required where a VPC is given"},
		"no private subnets":     {"name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001]}}", "aws.network.private_subnets: is required where a VPC is given"},
		"odd subnets":            {"name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001, subnet-00000002], private_subnets: [subnet-00000003]}}", "aws.network.private_subnets: want one per zone, as many as public_subnets: 2, got 1"},
		"one pair of subnets":    {"name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001], private_subnets: [subnet-00000003]}}", "aws.network.private_subnets: an RDS database needs subnets in two zones; add them, or set database.kind to vm"},
		"one subnet for both":    {"name: ci\naws: {region: eu-central-1, network: {vpc: vpc-00000001, public_subnets: [subnet-00000001], private_subnets: [subnet-00000001]}}\ndatabase: {kind: vm}", "aws.network.private_subnets[0]: subnet-00000001 is in public_subnets as well"},
		"zones beside subnets":   {"name: ci\naws: {region: eu-central-1, zones: [eu-central-1a, eu-central-1b], network: {vpc: vpc-00000001, public_subnets: [subnet-00000001], private_subnets: [subnet-00000002]}}\ndatabase: {kind: vm}", "aws.zones: want one for each pair of subnets: 1, got 2; or leave the key out, since the subnets have their zones"},
		"a range beside a VPC":   {"name: ci\naws: {region: eu-central-1, network: {cidr: 10.0.0.0/16, vpc: vpc-00000001, public_subnets: [subnet-00000001], private_subnets: [subnet-00000002]}}\ndatabase: {kind: vm}", "aws.network.cidr: is for a new VPC; vpc-00000001 exists and has its own"},
		"overlapping networks":   {onAWS + "access: {web: [10.0.0.0/8, 10.1.0.0/16]}", "warning: access.web[1]: 10.1.0.0/16 and 10.0.0.0/8 overlap; one is in the other"},
		"an open director":       {onAWS + "access: {director: [0.0.0.0/0]}", "warning: access.director[0]: opens the director to the whole internet; its password is then all that protects it"},
		"a zone without domain":  {onAWS + "access: {hosted_zone: Z0123456789ABC}", "access.hosted_zone: has no effect without access.domain"},
		"an address as domain":   {onAWS + "access: {domain: 198.51.100.7}", "access.domain: 198.51.100.7 is an address, and the web node gets an address of its own; want a name, or leave the key out"},
		"a domain without a dot": {onAWS + "access: {domain: ci}", "warning: access.domain: ci has no dot; only hosts that search the right domain find it"},
		"the port of http":       {onAWS + "access: {port: 80}", "access.port: 80 is where people are sent on to HTTPS; want another"},
		"the port of SSH":        {onAWS + "access: {port: 22}", "access.port: 22 is where SSH answers; want another"},
		"the port of workers":    {onAWS + "access: {port: 2222}", "access.port: 2222 is where workers register; want another"},
		"AWS's own tags":         {"name: ci\naws: {region: eu-central-1, tags: {'AWS:x': y}}", "aws.tags.AWS:x: begins with aws:, which AWS keeps for itself"},
		"BOSH's tags":            {"name: ci\naws: {region: eu-central-1, tags: {deployment: y}}", "aws.tags.deployment: is set by Perpetual or by BOSH; choose another name"},
		"a long name":            {"name: a-name-of-26-letters-there\naws: {region: ap-southeast-1}", "name: the state bucket perpetual-a-name-of-26-letters-there-123456789012-ap-southeast-1 has 64 characters, and a bucket's name at most 63; choose a shorter name, or set state.bucket"},
		"a longer name":          {"name: a-name-of-28-letters-is-here\naws: {region: us-east-1}\nstate: {dir: state}", "name: has 28 characters, and with aws 27 are the most: the names of the roles that are made from it would be too long for IAM"},
	} {
		t.Run(name, func(t *testing.T) {
			if lines := validate(t, of.text); !reflect.DeepEqual(lines, []string{of.want}) {
				t.Errorf("got  %q\nwant %q", lines, of.want)
			}
		})
	}
}

func TestConfig_saysWhatIsWrongElsewhere(t *testing.T) {
	for name, of := range map[string]struct{ text, want string }{
		"a proxy's password":     {onAWS + "proxy: {http: 'http://u:hunter2canary@proxy:3128'}", "proxy.http: has a user or a password in it, which every container would show; want a proxy that takes these hosts without"},
		"a proxy without host":   {onAWS + "proxy: {https: 'http://'}", ""},
		"a proxy's path":         {onAWS + "proxy: {https: 'http://proxy:3128/x'}", "proxy.https: has a path behind the host; want one such as http://proxy.example.com:3128"},
		"no_proxy alone":         {onAWS + "proxy: {no: [a]}", "warning: proxy.no: has no effect without proxy.http or proxy.https"},
		"two stores":             {onAWS + "state: {dir: x, bucket: some-bucket}", "state.bucket: state.dir is set as well; leave out one of them"},
		"a key for a directory":  {onAWS + "state: {dir: x, kms_key: k}", "state.kms_key: is for a bucket, and state.dir is set"},
		"a signing key far away": {onAWS + "state: {signing_key: 'arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d'}", "state.signing_key: is in us-east-1, and aws.region is eu-central-1; name a key of eu-central-1"},
		"a key far away":         {onAWS + "state: {encryption: kms, encryption_key: 'arn:aws:kms:us-east-1:123456789012:key/0a1b2c3d'}", "state.encryption_key: is in us-east-1, and aws.region is eu-central-1; name a key of eu-central-1"},
		"no key to encrypt with": {onAWS + "state: {encryption: kms}", "state.encryption: is kms, and no key is named: give state.encryption_key, the ARN or alias of a symmetric key"},
		"a key and age":          {onAWS + "state: {encryption: age, encryption_key: alias/x}", "state.encryption_key: is for state.encryption: kms; give that as well, or leave it out"},
		"a key alone":            {onAWS + "state: {encryption_key: alias/x}", "state.encryption_key: is for state.encryption: kms; give that as well, or leave it out"},
		"a bucket's dots":        {onAWS + "state: {bucket: some..bucket}", "state.bucket: some..bucket is not a valid bucket name: dots stand between letters or digits, and it does not look like an address"},
		"a bucket as address":    {onAWS + "state: {bucket: 10.0.0.1}", "state.bucket: 10.0.0.1 is not a valid bucket name: dots stand between letters or digits, and it does not look like an address"},
		"a bucket of S3's own":   {onAWS + "state: {bucket: xn--bucket}", "state.bucket: xn--bucket begins or ends as S3 keeps for itself"},
		"no store":               {strings.Replace(byo, "state: {dir: state}", "", 1), "state: is required without aws: set state.dir, or state.bucket"},
		"no client":              {strings.Replace(byo, "client: c, ", "", 1), "director.client: is required with director.url"},
		"no client's secret":     {strings.Replace(byo, ", client_secret: s", "", 1), "director.client_secret: is required with director.url, in the file or as PERPETUAL_DIRECTOR_CLIENT_SECRET"},
		"no domain":              {strings.Replace(byo, "access: {domain: ci.example.com}", "", 1), "access.domain: is required with director.url: the name or address under which Concourse will be reached"},
		"a cloud with aws":       {onAWS + "cloud: {vm_types: {web: large}}", "cloud.vm_types.web: is for an existing director, and with aws a new one is created; leave out one of them"},
		"a deployment with aws":  {onAWS + "director: {deployment: ci}", "director.deployment: is for an existing director, and with aws a new one is created; leave out one of them"},
		"rds without aws":        {byo + "database: {kind: rds}", "database.kind: rds needs aws; without it want vm, or leave the key out"},
		"one address for two":    {byo + "web: {instances: 2}\ncloud: {web_address: 10.0.0.9}", "cloud.web_address: is one address, and web.instances is 2; leave it out and put a load balancer before them with manifest.ops_files"},
		"another's director ops": {byo + "manifest: {director_ops_files: [x.yml]}", "warning: manifest.director_ops_files: has no effect without aws"},
		"AWS without aws":        {byo + "workers: {spot: true}", "warning: workers.spot: has no effect without aws"},
		"a class for a vm":       {onAWS + "database: {kind: vm, instance_type: db.t4g.small}", "database.instance_type: db.t4g.small is a class of RDS; for a vm want an EC2 type such as t3.small"},
		"a type for rds":         {onAWS + "database: {instance_type: t3.small}", "database.instance_type: t3.small is an EC2 type; for rds want a class such as db.t4g.small"},
		"a standby of a vm":      {onAWS + "database: {kind: vm, multi_zone: true}", "database.multi_zone: is for rds only"},
		"a short drain":          {onAWS + "workers: {drain_timeout: 30s}", "workers.drain_timeout: 30s is under a minute, in which hardly any build ends; want one such as 1h"},
		"a drain that cuts":      {onAWS + "workers: {drain_timeout: 5m}", "warning: workers.drain_timeout: 5m cuts longer builds off at each upgrade"},
		"a long drain":           {onAWS + "workers: {drain_timeout: 48h}", "warning: workers.drain_timeout: 48h makes an upgrade wait that long for one build"},
		"a short quiet":          {onAWS + "upgrade: {quiet_timeout: 30s}", "upgrade.quiet_timeout: 30s is under a minute, in which hardly any build ends; want one such as 30m"},
		"a long quiet":           {onAWS + "upgrade: {quiet_timeout: 2h}", "warning: upgrade.quiet_timeout: 2h leaves the deploy little of the two hours that a run has"},
		"a quiet beyond time":    {onAWS + "upgrade: {quiet_timeout: 9999999999h}", `upgrade.quiet_timeout: "9999999999h" is not a duration; want one such as 30m or 1h`},
		"a worker's own tag":     {onAWS + "workers: {tags: [a, up]}\nupgrade: {worker_tag: up}", "upgrade.worker_tag: up is one of workers.tags, so the self-upgrade would run on these workers as well, which then do not reach the director; choose another"},
		"a worker for nothing":   {onAWS + "state: {dir: state}\nupgrade: {worker_tag: up}", "warning: upgrade.worker_tag: costs a worker that does nothing, since there is no pipeline with state.dir"},
		"a worker without aws":   {byo + "upgrade: {worker_tag: up}", "warning: upgrade.worker_tag: has no effect without aws"},
		"a tag of two words":     {onAWS + "upgrade: {worker_tag: 'a b'}", ""},
		"a drain beyond time":    {onAWS + "workers: {drain_timeout: 9999999999h}", `workers.drain_timeout: "9999999999h" is not a duration; want one such as 1h or 90m`},
		"no constraint":          {onAWS + "versions: {bpm: newest}", `versions.bpm: "newest" is not a constraint; want one such as 8.x, >=8.1 or 8.2.4`},
		"an incomplete GitHub":   {onAWS + "auth: {github: {client_id: i}}", "auth.github.client_secret: is required with auth.github"},
		"an incomplete GitLab":   {onAWS + "auth: {gitlab: {client_secret: s}}", "auth.gitlab.client_id: is required with auth.gitlab"},
		"an incomplete provider": {onAWS + "auth: {oidc: {client_id: i, client_secret: s}}", "auth.oidc.issuer: is required with auth.oidc"},
		"no groups key":          {onAWS + "auth: {oidc: {client_id: i, client_secret: s, issuer: 'https://l'}, main_team: {oidc_groups: [g]}}", "warning: auth.oidc.groups_key: is not set; Concourse looks for groups in the claim groups"},
		"a team without GitHub":  {onAWS + "auth: {main_team: {github_teams: ['o:t']}}", "auth.main_team.github_teams: nobody can log in like this: auth.github is not set"},
		"a group without GitLab": {onAWS + "auth: {main_team: {gitlab_groups: [g]}}", "auth.main_team.gitlab_groups: nobody can log in like this: auth.gitlab is not set"},
		"an unknown local user":  {onAWS + "auth: {local_users: {ada: x}, main_team: {local_users: [ada, admin]}}", "auth.main_team.local_users[1]: admin is not in auth.local_users"},
		"the pipeline's user":    {onAWS + "auth: {local_users: {ada: x, perpetual: x}}", "auth.local_users.perpetual: this user is the pipeline's own; choose another name"},
		"lets_encrypt alone":     {onAWS + "tls: {mode: lets_encrypt}", "tls.mode: lets_encrypt needs access.domain"},
		"lets_encrypt inside":    {onAWS + "tls: {mode: lets_encrypt}\naccess: {domain: ci.example.com, web: [10.0.0.0/8]}", "tls.mode: Let's Encrypt reaches the web node from anywhere, and access.web lacks 0.0.0.0/0; use an own certificate"},
		"lets_encrypt elsewhere": {onAWS + "tls: {mode: lets_encrypt}\naccess: {domain: ci.example.com, port: 8443}", "access.port: Let's Encrypt asks at port 443 only; use it, or an own certificate"},
		"an ACME server alone":   {onAWS + "tls: {acme_url: 'https://acme.example.com'}", "tls.acme_url: is for mode lets_encrypt, and tls.mode is self_signed"},
		"idtoken without domain": {onAWS + "pipeline: {credentials: idtoken}", "pipeline.credentials: idtoken needs access.domain, since AWS fetches Concourse's keys from there; use ssm without one"},
		"idtoken, self-signed":   {onAWS + "pipeline: {credentials: idtoken}\naccess: {domain: ci.example.com}", "pipeline.credentials: idtoken needs a certificate that AWS trusts (tls.mode lets_encrypt or own); use ssm with a self-signed one"},
		"a CA that is none":      {byo + "auth: {github: {client_id: i, client_secret: s, ca_cert: '-----BEGIN CERTIFICATE-----'}}", "auth.github.ca_cert: is not PEM text; is it cut short, or indented otherwise than its first line?"},
	} {
		t.Run(name, func(t *testing.T) {
			if of.want == "" { // the schema has said so before
				if _, err := config.Parse("p.yml", []byte(of.text)); err == nil {
					t.Error("it was taken")
				}
				return
			}
			if lines := validate(t, of.text); !reflect.DeepEqual(lines, []string{of.want}) {
				t.Errorf("got  %q\nwant %q", lines, of.want)
			}
		})
	}
}

func TestConfig_tellsGraveProblemsFirstAndInTheOrderOfTheFile(t *testing.T) {
	problems := check.Config(config.Defaults(parse(t, "name: ci\nproxy: {http: 'http://a:1/x'}\naws: {region: eu-central-1, network: {cidr: 8.8.0.0/16}}\nworkers: {drain_timeout: 1s}\ndatabase: {kind: vm, multi_zone: true}")), now)
	var keys []string
	for _, p := range problems {
		keys = append(keys, p.Key)
	}
	if want := []string{"workers.drain_timeout", "database.multi_zone", "proxy.http", "aws.network.cidr"}; !reflect.DeepEqual(keys, want) {
		t.Errorf("got %q, want %q", keys, want)
	}
	var grave schema.Problems
	if err := problems.Err(); !errors.As(err, &grave) || len(grave) != 3 || strings.Count(err.Error(), "\n") != 2 {
		t.Errorf("Err gives %v", err)
	}
	if err := problems[3:].Err(); err != nil {
		t.Errorf("a warning alone is %v", err)
	}
}

func TestConfig_findsConstraintsThatNothingMeets(t *testing.T) {
	for text, bad := range map[string]bool{
		">8 <7": true, ">8, <7": true, ">=8.1 <8.1": true, "=8.1 =8.2": true, "<0.0.0": true, "8.x 9.x": true, "~8.1 >8.2": true,
		"8.x": false, ">=8.1, <9": false, ">8 <7 || 9.x": false, "*": false, ">=0": false, "!=8.2.4": false, "<1": false, "<0.0.1": false, ">=8.2.4 <=8.2.4": false,
		"1.484": false, "^8.2": false, "~8.2.1": false, ">8.2.4 <8.2.6": false, ">8.1.9 <8.2.1": false, ">8.1.2 <8.1.3": false, ">=8.0.0-rc.1 <8.0.0": false, "8.1 - 8.3": false, ">8.99999": false,
	} {
		lines := validate(t, onAWS+"versions: {concourse: '"+text+"'}")
		if found := len(lines) == 1 && strings.HasPrefix(lines[0], "versions.concourse: no version satisfies"); found != bad || !bad && len(lines) > 0 {
			t.Errorf("%s: %q, want a problem: %t", text, lines, bad)
		}
	}
}

func TestConfig_refusesWhatTheStackOrTheManifestWould(t *testing.T) {
	nine := "[10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24, 10.0.4.0/24, 10.0.5.0/24, 10.0.6.0/24, 10.0.7.0/24, 10.0.8.0/24]"
	for name, of := range map[string]struct{ text, want string }{
		"two webs":       {onAWS + "web: {instances: 2}", "web.instances: is 2, but there is one address"},
		"nine networks":  {onAWS + "access: {web: " + nine + "}", "access.web: want at most 8 networks, got 9"},
		"nine directors": {onAWS + "access: {director: " + nine + "}", "access.director: want at most 8 networks, got 9"},
		"a mix":          {onAWS + "workers: {instance_types: [m6a.xlarge, m7g.xlarge]}", "workers.instance_types[1]: m7g.xlarge is arm64 and needs an arm64 stemcell"},
		"web":            {onAWS + "web: {instance_type: t4g.small}", "web.instance_type: t4g.small is arm64"},
		"director":       {onAWS + "director: {instance_type: c6gn.large}", "director.instance_type: c6gn.large is arm64"},
		"database VM":    {onAWS + "database: {kind: vm, instance_type: a1.large}", "database.instance_type: a1.large is arm64"},
		"with ops":       {onAWS + "web: {instance_type: im4gn.large}\nmanifest: {ops_files: [arm.yml]}", "warning: web.instance_type: im4gn.large is arm64"},
	} {
		if lines := validate(t, of.text); len(lines) != 1 || !strings.HasPrefix(lines[0], of.want) {
			t.Errorf("%s: %q, want %q", name, lines, of.want)
		}
	}
	for _, fine := range []string{"g4dn.xlarge", "g5.xlarge", "gr6.4xlarge", "p4de.24xlarge", "m6i.large", "x2iedn.xlarge", "u7i-12tb.224xlarge", "trn1.2xlarge"} {
		if lines := validate(t, onAWS+"workers: {instance_types: ["+fine+"]}"); len(lines) > 0 {
			t.Errorf("%s: %q", fine, lines)
		}
	}
}
