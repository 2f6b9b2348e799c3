// Package check finds what is wrong, or doubtful, with a whole configuration. It asks
// nobody: what only the account or the director knows is looked at elsewhere.
package check

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/config/schema"
	"github.com/perpetual-ci/perpetual/pkg/version"
)

// Config finds what is wrong, or doubtful, with a whole configuration: what Merge and
// Defaults gave. Whether a zone offers an instance type, or a subnet exists, is not its
// business. Now is for certificates. Source.Locate adds the lines of the file.
func Config(c *config.Config, now time.Time) schema.Problems {
	v := &validator{c: c, now: now}
	v.place()
	if c.AWS != nil {
		v.region()
		v.zones()
		v.network()
		v.tags()
		v.database()
		v.instanceTypes()
		v.web()
	}
	v.access()
	v.proxy()
	v.state()
	v.stateKeys()
	v.certificate()
	v.login()
	v.workers()
	v.versions()
	v.program()
	v.upstreams()
	v.upgrade()
	v.pipeline()
	v.order()
	return v.problems
}

// validator collects problems.
type validator struct {
	c        *config.Config
	now      time.Time
	problems schema.Problems
}

// wrong notes what must be changed.
func (v *validator) wrong(key, format string, args ...any) {
	v.problems = append(v.problems, schema.Problem{Key: key, Text: fmt.Sprintf(format, args...)})
}

// warn notes what is likely not meant so.
func (v *validator) warn(key, format string, args ...any) {
	v.problems = append(v.problems, schema.Problem{Key: key, Text: fmt.Sprintf(format, args...), Warning: true})
}

// order puts the problems in the order of the file's keys, the grave ones first.
func (v *validator) order() {
	rank := map[string]int{}
	for i, f := range config.Keys().Fields() {
		rank[f.Key] = i + 1
	}
	of := func(p schema.Problem) int {
		for key := p.Key; key != ""; key = schema.Above(key) {
			if n := rank[key]; n > 0 {
				return n
			}
		}
		return 0
	}
	slices.SortStableFunc(v.problems, func(a, b schema.Problem) int {
		if a.Warning != b.Warning {
			if b.Warning {
				return -1
			}
			return 1
		}
		return of(a) - of(b)
	})
}

// MaxName is the longest name of an installation on AWS. CloudFormation names the roles
// perpetual-NAME-DirectorRole-RANDOM, where IAM takes 64 characters and the last part has
// up to 13; what is longer it would shorten, and no policy would know the name any more.
const MaxName = 27

// place looks at the name, and at what the installation stands on.
func (v *validator) place() {
	d := v.c.Director
	if v.c.Name == "" {
		v.wrong("name", "is required, such as ci")
	}
	if v.c.AWS != nil {
		if n := len(v.c.Name); n > MaxName {
			v.wrong("name", "has %d characters, and with aws %d are the most: the names of the roles that are made from it would be too long for IAM", n, MaxName)
		}
		for _, f := range config.Keys().Fields() {
			if ofOwn(f.Key) && f.Set(v.c) {
				v.wrong(f.Key, "is for an existing director, and with aws a new one is created; leave out one of them")
			}
		}
		return
	}
	if d.URL == "" {
		v.wrong("aws", "is required, or director.url for an existing director")
		return
	}
	if d.Client == "" {
		v.wrong("director.client", "is required with director.url")
	}
	if d.ClientSecret.Empty() {
		v.wrong("director.client_secret", "is required with director.url, in the file or as PERPETUAL_DIRECTOR_CLIENT_SECRET")
	}
	if v.c.Access.Domain == "" {
		v.wrong("access.domain", "is required with director.url: the name or address under which Concourse will be reached")
	}
	if v.c.Database.Kind == "rds" {
		v.wrong("database.kind", "rds needs aws; without it want vm, or leave the key out")
	}
	if v.c.Cloud.WebAddress != "" && v.c.Web.Instances > 1 {
		v.wrong("cloud.web_address", "is one address, and web.instances is %d; leave it out and put a load balancer before them with manifest.ops_files", v.c.Web.Instances)
	}
	for _, f := range config.Keys().Fields() {
		if f.Rule.AWS && f.Set(v.c) {
			v.warn(f.Key, "has no effect without aws")
		}
	}
}

// ofOwn says whether a key is for a director that exists alone.
func ofOwn(key string) bool {
	return slices.Contains([]string{"director.url", "director.ca_cert", "director.client", "director.client_secret", "director.deployment"}, key) || strings.HasPrefix(key, "cloud.")
}

// reserved are the tags that BOSH and Perpetual set themselves.
var reserved = []string{"Name", "director", "deployment", "instance_group", "job", "index", "id", "name", "created_at"}

// tags looks at aws.tags (EC2 user guide, tag restrictions).
func (v *validator) tags() {
	for _, name := range slices.Sorted(maps.Keys(v.c.AWS.Tags)) {
		key := schema.Join("aws.tags", name)
		switch lower := strings.ToLower(name); {
		case strings.HasPrefix(lower, "aws:"):
			v.wrong(key, "begins with aws:, which AWS keeps for itself")
		case strings.HasPrefix(lower, "perpetual:"), slices.Contains(reserved, name):
			v.wrong(key, "is set by Perpetual or by BOSH; choose another name")
		}
	}
}

// database looks at the database section.
func (v *validator) database() {
	d := v.c.Database
	class := strings.HasPrefix(d.InstanceType, "db.")
	switch {
	case d.Kind == "rds" && d.InstanceType != "" && !class:
		v.wrong("database.instance_type", "%s is an EC2 type; for rds want a class such as db.t4g.small", d.InstanceType)
	case d.Kind == "vm" && class:
		v.wrong("database.instance_type", "%s is a class of RDS; for a vm want an EC2 type such as t3.small", d.InstanceType)
	}
	if d.Kind == "vm" && d.MultiZone != nil && *d.MultiZone {
		v.wrong("database.multi_zone", "is for rds only")
	}
}

// state looks at where the state goes.
func (v *validator) state() {
	s := v.c.State
	if s != nil && s.Dir != "" {
		if s.Bucket != "" {
			v.wrong("state.bucket", "state.dir is set as well; leave out one of them")
		}
		if s.KMSKey != "" {
			v.wrong("state.kms_key", "is for a bucket, and state.dir is set")
		}
		return
	}
	if s != nil && s.Bucket != "" {
		if text := bucketProblem(s.Bucket); text != "" {
			v.wrong("state.bucket", "%s %s", s.Bucket, text)
		}
		return
	}
	if v.c.AWS == nil {
		v.wrong("state", "is required without aws: set state.dir, or state.bucket")
		return
	}
	account := v.c.AWS.Account
	if account == "" {
		account = "123456789012" // as long as any
	}
	if text := bucketProblem(config.BucketName(v.c, account)); v.c.Name != "" && v.c.AWS.Region != "" && text != "" {
		v.wrong("name", "the state bucket %s %s; choose a shorter name, or set state.bucket", config.BucketName(v.c, account), text)
	}
}

// stateKeys look at the keys of KMS that sign and encrypt what the operator says.
func (v *validator) stateKeys() {
	state := v.c.State
	if state == nil {
		return
	}
	switch kms := state.Encryption == "kms"; {
	case kms && state.EncryptionKey == "":
		v.wrong("state.encryption", "is kms, and no key is named: give state.encryption_key, the ARN or alias of a symmetric key")
	case !kms && state.EncryptionKey != "":
		v.wrong("state.encryption_key", "is for state.encryption: kms; give that as well, or leave it out")
	}
	if v.c.AWS == nil || v.c.AWS.Region == "" {
		return
	}
	for _, k := range []struct{ key, value string }{{"state.signing_key", state.SigningKey}, {"state.encryption_key", state.EncryptionKey}} {
		if parts := strings.Split(k.value, ":"); len(parts) == 6 && parts[3] != v.c.AWS.Region {
			v.wrong(k.key, "is in %s, and aws.region is %s; name a key of %s", parts[3], v.c.AWS.Region, v.c.AWS.Region)
		}
	}
}

// web looks at the web section.
func (v *validator) web() {
	if n := v.c.Web.Instances; n > 1 {
		v.wrong("web.instances", "is %d, but there is one address for the web node and no load balancer; add both with manifest.ops_files and leave it at 1", n)
	}
}

// workers looks at the workers section.
func (v *validator) workers() {
	text := v.c.Workers.DrainTimeout
	if text == "" {
		return
	}
	switch d, err := time.ParseDuration(text); {
	case err != nil:
		v.wrong("workers.drain_timeout", "%q is not a duration; want one such as 1h or 90m", text)
	case d < time.Minute:
		v.wrong("workers.drain_timeout", "%s is under a minute, in which hardly any build ends; want one such as 1h", text)
	case d < 10*time.Minute:
		v.warn("workers.drain_timeout", "%s cuts longer builds off at each upgrade", text)
	case d > 24*time.Hour:
		v.warn("workers.drain_timeout", "%s makes an upgrade wait that long for one build", text)
	}
}

// versions looks at the constraints.
func (v *validator) versions() {
	of := v.c.Versions
	for key, text := range map[string]string{"concourse": of.Concourse, "stemcell": of.Stemcell, "bpm": of.BPM,
		"postgres": of.Postgres, "perpetual": of.Perpetual} {
		if text == "" {
			continue
		}
		switch c, err := version.ParseConstraint(text); {
		case err != nil:
			v.wrong("versions."+key, "%q is not a constraint; want one such as 8.x, >=8.1 or 8.2.4", text)
		case !satisfiable(c, text):
			v.wrong("versions."+key, "no version satisfies %q; its parts exclude each other", text)
		}
	}
}

// upgrade looks at the upgrade section.
func (v *validator) upgrade() {
	switch tag := v.c.Upgrade.WorkerTag; {
	case tag == "" || v.c.AWS == nil:
	case slices.Contains(v.c.Workers.Tags, tag):
		v.wrong("upgrade.worker_tag", "%s is one of workers.tags, so the self-upgrade would run on these workers as well, which then do not reach the director; choose another", tag)
	case v.c.State != nil && v.c.State.Dir != "":
		v.warn("upgrade.worker_tag", "costs a worker that does nothing, since there is no pipeline with state.dir")
	}
	text := v.c.Upgrade.QuietTimeout
	if text == "" {
		return
	}
	switch d, err := time.ParseDuration(text); {
	case err != nil:
		v.wrong("upgrade.quiet_timeout", "%q is not a duration; want one such as 30m or 1h", text)
	case d < time.Minute:
		v.wrong("upgrade.quiet_timeout", "%s is under a minute, in which hardly any build ends; want one such as 30m", text)
	case d > 90*time.Minute:
		v.warn("upgrade.quiet_timeout", "%s leaves the deploy little of the two hours that a run has", text)
	}
}

// pipeline looks at what the pipeline needs.
func (v *validator) pipeline() {
	if quiet := v.c.Pipeline.QuietUpgrades; quiet != nil && !*quiet && v.c.AWS != nil && !v.knownOwner() {
		v.wrong("pipeline.quiet_upgrades", "false needs a local user in the team main: deploy by hand logs in as one, since the pipeline's own user is no owner then; name one in auth.local_users and auth.main_team.local_users")
	}
	if v.c.Pipeline.Credentials != "idtoken" || v.c.AWS == nil || config.Public(v.c) {
		return
	}
	_, err := netip.ParseAddr(v.c.Access.Domain)
	switch {
	case v.c.Access.Domain == "" || err == nil:
		v.wrong("pipeline.credentials", "idtoken needs access.domain, since AWS fetches Concourse's keys from there; use ssm without one")
	case v.c.TLS.Mode == "self_signed":
		v.wrong("pipeline.credentials", "idtoken needs a certificate that AWS trusts (tls.mode lets_encrypt or own); use ssm with a self-signed one")
	case v.c.Access.Port != 0 && v.c.Access.Port != 443:
		v.wrong("pipeline.credentials", "idtoken needs access.port 443, at which AWS fetches Concourse's keys; use ssm with another")
	default:
		v.wrong("pipeline.credentials", "idtoken needs access.web to hold %s, since AWS fetches Concourse's keys; use ssm otherwise", config.Everywhere)
	}
}
