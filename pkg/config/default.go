package config

import (
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/config/binding"
)

// Everywhere is every address.
const Everywhere = "0.0.0.0/0"

// Defaults returns c with the schema's defaults for what is not set. What has to be
// looked up in the account stays unset: the zones, the hosted zone, who may reach the
// director, the bucket and its key (x-looked-up in the schema); and so do all keys of
// AWS when there is no aws. Lay it over what Merge gives at each run; do not store it,
// so that the defaults of what may change can get better. See Pinned.
func Defaults(c *Config) *Config {
	out := clone(c)
	for _, f := range Keys().Fields() {
		if f.Set(out) || !applies(f, out) {
			continue
		}
		if value := standard(f, out); value != nil {
			_ = f.Assign(out, value) // a test shows that every default has its type
		}
	}
	return out
}

// Pinned returns c with the defaults of the keys that may not change later: the
// network and the kind of the database. It is what to store.
func Pinned(c *Config) *Config {
	out, full := clone(c), Defaults(c)
	for _, f := range Keys().Fields() {
		if f.Rule.Immutable && !f.Set(out) && f.Set(full) {
			f.Copy(out, full)
		}
	}
	return out
}

// applies says whether a default of the field means anything in c.
func applies(f binding.Field[Config], c *Config) bool {
	if !f.Of(c).IsValid() || (f.Rule.AWS && c.AWS == nil) {
		return false // its section is absent
	}
	return f.Key != "aws.network.cidr" || c.AWS.Network.VPC == ""
}

// standard is the default, which of some keys hangs on others that stand before them.
func standard(f binding.Field[Config], c *Config) any {
	switch {
	case f.Key == "director.deployment" && elsewhere(c):
		return "concourse"
	case f.Key == "database.kind":
		return databaseKind(c, f.Rule.Default)
	case f.Key == "database.instance_type" && c.Database.Kind == "vm":
		return "t3.small"
	case f.Key == "tls.mode" && c.TLS.Certificate != "":
		return TLSOwn
	case f.Key == "pipeline.credentials" && Public(c):
		return "idtoken"
	}
	return f.Rule.Default
}

// elsewhere says whether Concourse goes to a director that exists.
func elsewhere(c *Config) bool { return c.AWS == nil && c.Director.URL != "" }

// databaseKind is the default: what AWS runs, where there is AWS.
func databaseKind(c *Config, standard any) any {
	switch {
	case elsewhere(c):
		return "vm"
	case c.AWS == nil:
		return nil
	}
	return standard
}

// Public says whether AWS can fetch the keys of Concourse's identity tokens: at a
// name with a certificate that it trusts, at the usual port, from everywhere.
func Public(c *Config) bool {
	return c.Access.Domain != "" && (c.Access.Port == 0 || c.Access.Port == 443) && (c.TLS.Mode == TLSOwn || c.TLS.Mode == TLSLetsEncrypt) &&
		slices.Contains(c.Access.Web, Everywhere)
}

// BucketName is the name of the bucket for the state: the one that is configured, or
// perpetual-NAME-ACCOUNT-REGION; "" without aws and without a configured one.
func BucketName(c *Config, account string) string {
	switch {
	case c.State != nil && c.State.Bucket != "":
		return c.State.Bucket
	case c.AWS == nil:
		return ""
	}
	return "perpetual-" + c.Name + "-" + account + "-" + c.AWS.Region
}
