package manifest

import (
	"cmp"
	"errors"
	"maps"

	"gopkg.in/yaml.v3"

	"github.com/perpetual-ci/perpetual/pkg/manifest/bundle"
	"github.com/perpetual-ci/perpetual/pkg/manifest/subnet"
	"github.com/perpetual-ci/perpetual/pkg/template"
)

// director is the director's manifest with its section variables.
func (in Input) director() (template.Template, error) {
	base, err := bundle.File("director.yml")
	if err != nil {
		return template.Template{}, err
	}
	values, err := in.directorVars()
	if err != nil {
		return template.Template{}, err
	}
	var names []string
	if in.Infrastructure.DirectorAddress == "" {
		names = append(names, "director-private")
	}
	if in.proxied() {
		names = append(names, "director-proxy")
	}
	ops, err := bundle.Ops(names...)
	if err != nil {
		return template.Template{}, err
	}
	versions, err := directorVersions()
	if err != nil {
		return template.Template{}, err
	}
	return in.draft(base, ops, in.User.DirectorOpsFiles, versions, in.proxyVars(), values), nil
}

// directorVersions are the values of versions.yml.
func directorVersions() (vars, error) {
	file, err := bundle.File("versions.yml")
	if err != nil {
		return nil, err
	}
	values := vars{}
	if err := yaml.Unmarshal(file.Text, &values); err != nil {
		return nil, errors.New("parse the bundled versions.yml: it is damaged")
	}
	return values, nil
}

// directorVars are the values of director.yml that are not credentials of the
// director itself.
func (in Input) directorVars() (vars, error) {
	i := in.Infrastructure
	if len(i.Zones) == 0 || i.DirectorIP == "" {
		return nil, errors.New("render the director's manifest: the infrastructure has no zone or no address for it")
	}
	first, err := i.Zones[0].public()
	if err != nil {
		return nil, err
	}
	names := []any{i.DirectorIP}
	if i.DirectorAddress != "" {
		names = append(names, i.DirectorAddress)
	}
	host := cmp.Or(i.DirectorAddress, i.DirectorIP)
	if in.Installer.Inside {
		host = i.DirectorIP
	}
	values := vars{
		"director_name": "perpetual-" + in.Config.Name, "tags": in.tags(), "region": i.Region,
		"director_instance_type": in.InstanceTypes.Director, "director_zone": i.Zones[0].Name,
		"director_disk": in.Config.Director.Disk * 1024, "director_profile": i.Profiles.Director,
		"director_security_group": i.SecurityGroups.Director, "vms_security_group": i.SecurityGroups.VMs,
		"director_cidr": i.Zones[0].PublicCIDR, "director_gateway": first.Gateway.String(),
		"director_subnet": i.Zones[0].PublicSubnet, "dns": []any{subnet.Resolver(i.CIDR)},
		"director_ip": i.DirectorIP, "director_address": i.DirectorAddress, "director_names": names,
		"key_pair":            i.KeyPair,
		"installer_mbus_host": host,
	}
	maps.Copy(values, in.installerVars())
	return values, nil
}

// installerVars are the keys of this run and its proxy. What is not there is null: an
// empty session token would be sent.
func (in Input) installerVars() vars {
	values := vars{
		InstallerPrefix + "access_key_id":     in.Installer.AccessKey.Reveal(),
		InstallerPrefix + "secret_access_key": in.Installer.SecretKey.Reveal(),
		InstallerPrefix + "session_token":     nil,
		InstallerPrefix + "http_proxy":        nil,
		InstallerPrefix + "https_proxy":       nil,
		InstallerPrefix + "no_proxy":          nil,
	}
	if token := in.Installer.SessionToken; !token.Empty() {
		values[InstallerPrefix+"session_token"] = token.Reveal()
	}
	if in.Installer.Inside && in.proxied() {
		proxy := in.proxyVars()
		values[InstallerPrefix+"http_proxy"], values[InstallerPrefix+"https_proxy"] = proxy["http_proxy"], proxy["https_proxy"]
		values[InstallerPrefix+"no_proxy"] = proxy["no_proxy_text"]
	}
	return values
}

// tags are those of the configuration, and the one by which everything of an
// installation is found.
func (in Input) tags() vars {
	tags := vars{"perpetual:name": in.Config.Name}
	if in.Config.AWS != nil {
		for key, value := range in.Config.AWS.Tags {
			tags[key] = value
		}
	}
	return tags
}
