package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/config"
	"github.com/perpetual-ci/perpetual/pkg/manifest/auth"
	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/manifest/endpoint"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// Deployment is what the director calls Concourse, unless it exists and is told another
// name: see DeploymentName.
const Deployment = "concourse"

// concourse is Concourse's manifest with its section variables.
func (in Input) concourse() (template.Template, error) {
	if err := in.whole(); err != nil {
		return template.Template{}, fmt.Errorf("render Concourse's manifest: %w", err)
	}
	ops, err := bundle.Ops(in.concourseOps()...)
	if err != nil {
		return template.Template{}, err
	}
	users, values, err := auth.Ops(in.Config.Auth, auth.Own{Name: config.ATCUser, Password: endpoint.ATCPassword, Owner: QuietUpgrades(in.Config)}, webJob)
	if err != nil {
		return template.Template{}, err
	}
	mark, err := template.Ops("the installation's name", template.Replace("/"+bundle.InstallationKey+"?", in.Config.Name))
	if err != nil {
		return template.Template{}, err
	}
	ops = append(ops, users, mark)
	if in.Config.TLS.Mode == config.TLSLetsEncrypt && in.Config.TLS.ACMEURL != "" {
		other, err := template.Ops("tls.acme_url", template.Replace(webJob+"lets_encrypt/acme_url?", in.Config.TLS.ACMEURL))
		if err != nil {
			return template.Template{}, err
		}
		ops = append(ops, other)
	}
	return in.draft(bundle.Concourse(), ops, in.User.OpsFiles,
		concourseDefaults(), in.proxyVars(), in.databaseVars(), in.concourseVars(), values), nil
}

// elsewhere says whether Concourse goes to a director that exists, on whatever IaaS.
func (in Input) elsewhere() bool { return in.Config.AWS == nil }

// DeploymentName is what the director calls Concourse.
func DeploymentName(c *config.Config) string { return cmp.Or(c.Director.Deployment, Deployment) }

// whole says what the manifest cannot be rendered without.
func (in Input) whole() error {
	if in.elsewhere() {
		c := in.Config.Cloud
		switch {
		case in.hasService():
			return errors.New("database.kind is rds, which needs aws")
		case len(c.AZs) == 0 || c.Network == "" || c.DiskType == "" || c.VMTypes.Web == "" || c.VMTypes.Worker == "" || c.VMTypes.Database == "":
			return errors.New("the section cloud does not name all that is used of the director's cloud config")
		}
		return nil
	}
	switch {
	case in.Config.Web.Instances > 1:
		return errors.New("web.instances is more than 1, but there is one address for it and no load balancer; add both with manifest.ops_files and leave it at 1")
	case len(in.Infrastructure.Zones) == 0 || in.Infrastructure.WebAddress == "":
		return errors.New("the infrastructure has no zone or no address for the web node")
	case in.hasService() && in.Infrastructure.Database.Host == "":
		// Never a VM instead: it would come up empty.
		return errors.New("database.kind is rds, but the infrastructure has no database")
	}
	return nil
}

// concourseDefaults are those of the bundled manifest, without a major of PostgreSQL.
func concourseDefaults() vars {
	values := bundle.ConcourseDefaults()
	delete(values, postgresMajor)
	return values
}

// postgresMajor is the bundled manifest's variable for the major of PostgreSQL.
const postgresMajor = "postgres_major"

// webJob is where the properties of the web are.
const webJob = "/instance_groups/name=web/jobs/name=web/properties/"

// concourseOps are the bundled ops that the configuration asks for.
func (in Input) concourseOps() []string {
	names := []string{"https"}
	switch {
	case !in.elsewhere():
		names = append(names, "aws")
	case in.Config.Cloud.WebAddress != "":
		names = append(names, "web-address")
	}
	if in.hasService() {
		names = append(names, "database-service")
		if in.Infrastructure.Database.CA != "" {
			names = append(names, "database-ca")
		}
	} else {
		names = append(names, "database-vm")
	}
	switch in.Config.TLS.Mode {
	case config.TLSOwn:
		names = append(names, "tls-certificate")
	case config.TLSLetsEncrypt:
		names = append(names, "tls-lets-encrypt")
	default:
		names = append(names, "tls-self-signed")
	}
	if in.Infrastructure.ParameterPath != "" {
		names = append(names, "parameters")
	}
	if in.proxied() {
		names = append(names, "proxy")
	}
	if in.upgradeWorker() != "" {
		names = append(names, "upgrade-worker")
		if in.proxied() {
			names = append(names, "upgrade-worker-proxy")
		}
	}
	return names
}

// hasService says whether the database is a service and no VM.
func (in Input) hasService() bool { return in.Config.Database.Kind != "vm" }

// Host is the name or address of the web.
func (in Input) Host() string { return cmp.Or(in.Config.Access.Domain, in.Infrastructure.WebAddress) }

// URL is Concourse's own: "https://ci.example.com".
func (in Input) URL() string {
	host := in.Host()
	if port := in.Config.Access.Port; host != "" && port != 0 && port != 443 {
		host = net.JoinHostPort(host, strconv.Itoa(port))
	}
	if host == "" {
		return ""
	}
	return "https://" + host
}

// Public says whether AWS can read what Concourse signs its identity tokens with:
// under a name, with a certificate that the world knows, from everywhere, at the port
// that an issuer without one means.
func (in Input) Public() bool {
	c := in.Config
	return c.Access.Domain != "" && (c.TLS.Mode == config.TLSOwn || c.TLS.Mode == config.TLSLetsEncrypt) &&
		slices.Contains(c.Access.Web, "0.0.0.0/0") && cmp.Or(c.Access.Port, 443) == 443
}

// concourseVars are the values that are not credentials which are made.
func (in Input) concourseVars() vars {
	c, i, v := in.Config, in.Infrastructure, in.Versions
	azs := make([]any, len(i.Zones))
	if in.Spread > 0 {
		azs = azs[:min(in.Spread, len(azs))]
	}
	for n := range azs {
		azs[n] = azName(n)
	}
	tags := make([]any, len(c.Workers.Tags))
	for n, tag := range c.Workers.Tags {
		tags[n] = tag
	}
	values := vars{
		"deployment_name": DeploymentName(c), "cluster_name": c.Name, "tags": in.tags(), "region": i.Region,
		"azs": azs, "network_name": "private",
		"web_instances": max(1, c.Web.Instances), "web_vm_type": "web", "web_address": i.WebAddress,
		"web_port": cmp.Or(c.Access.Port, 443), "web_host": in.Host(), "external_url": in.URL(),
		"worker_instances": c.Workers.Count, "worker_vm_type": "worker", "worker_tags": tags,
		"upgrade_worker_tag": in.upgradeWorker(), "upgrade_worker_team": PipelineTeam,
		"drain_timeout": cmp.Or(c.Workers.DrainTimeout, "1h"),
		"db_vm_type":    "database", "db_persistent_disk_type": "database",
		"web_certificate": c.TLS.Certificate, "web_private_key": c.TLS.PrivateKey.Reveal(),
		"parameter_path":    strings.TrimSuffix(i.ParameterPath, "/"),
		"concourse_version": v.Concourse, "bpm_version": v.BPM, "postgres_version": v.Postgres,
		"stemcell_name": v.StemcellName, "stemcell_version": v.Stemcell,
	}
	if in.elsewhere() {
		maps.Copy(values, cloudNames(c.Cloud))
	}
	return values
}

// cloudNames are the names of a director's own cloud config.
func cloudNames(c config.Cloud) vars {
	azs := make([]any, len(c.AZs))
	for n, az := range c.AZs {
		azs[n] = az
	}
	return vars{
		"azs": azs, "network_name": c.Network, "web_address": c.WebAddress,
		"web_vm_type": c.VMTypes.Web, "worker_vm_type": c.VMTypes.Worker,
		"db_vm_type": c.VMTypes.Database, "db_persistent_disk_type": c.DiskType,
	}
}

// databaseVars say where the database service is, and which PostgreSQL a db VM has.
func (in Input) databaseVars() vars {
	d := in.Infrastructure.Database
	values := vars{
		"database_host": d.Host, "database_port": cmp.Or(d.Port, 5432),
		"database_name": d.Name, "database_user": d.User, "database_ca": d.CA,
	}
	if in.PostgresMajor > 0 {
		values[postgresMajor] = in.PostgresMajor
	}
	return values
}

// proxied says whether there is a proxy.
func (in Input) proxied() bool { return in.Config.Proxy.HTTP != "" || in.Config.Proxy.HTTPS != "" }

// proxyVars are the proxy, and what is reached without it: what was said, the VPC
// and what is at every host.
func (in Input) proxyVars() vars {
	p := in.Config.Proxy
	none := append(slices.Clone(p.No), "localhost", "127.0.0.1", "169.254.169.254")
	if in.Infrastructure.CIDR != "" {
		none = append(none, in.Infrastructure.CIDR)
	}
	for _, z := range in.Infrastructure.Zones {
		if in.Infrastructure.CIDR == "" {
			none = append(none, z.PublicCIDR, z.PrivateCIDR)
		}
	}
	if in.elsewhere() {
		if u, err := url.Parse(in.Config.Director.URL); err == nil {
			none = append(none, u.Hostname())
		}
	} else {
		none = append(none, in.Infrastructure.DirectorIP)
	}
	list := make([]any, len(none))
	for n, host := range none {
		list[n] = host
	}
	return vars{
		"http_proxy": cmp.Or(p.HTTP, p.HTTPS), "https_proxy": cmp.Or(p.HTTPS, p.HTTP),
		"no_proxy": list, "no_proxy_text": strings.Join(none, ","),
	}
}
