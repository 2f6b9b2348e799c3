package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/perpetual-ci/perpetual/pkg/bootstrap"
	"github.com/perpetual-ci/perpetual/pkg/command"
	"github.com/perpetual-ci/perpetual/pkg/secret"
)

// gatewayKey is the one value that AWS is asked for.
const gatewayKey = "gateway.private_key"

// Value is one value of an installation, as info --show prints it: with the line's end
// that shells take away. Who names a secret has asked for it, as with terraform output.
// askForKey gets the gateway's key, which the state does not hold.
func Value(info bootstrap.Info, key string, askForKey func() (secret.Value, error)) (string, error) {
	known := values(info)
	if value, ok := known[key]; ok {
		if key == gatewayKey && info.Gateway != "" {
			asked, err := askForKey()
			if err != nil {
				return "", fmt.Errorf("info --show %s: %w", key, err)
			}
			value = asked.Reveal()
		}
		if value == "" {
			return "", fmt.Errorf("info --show %s: it has no value in this installation", key)
		}
		return strings.TrimRight(value, "\n") + "\n", nil
	}
	var below []string
	for name := range known {
		if strings.HasPrefix(name, key+".") {
			below = append(below, name)
		}
	}
	if len(below) > 0 {
		slices.Sort(below)
		return "", fmt.Errorf("info --show %s: it has several parts; want one of %s", key, strings.Join(below, ", "))
	}
	names := slices.Sorted(maps.Keys(known))
	otherwise := "try url, addresses.web, versions.concourse or concourse.password; info --json --secrets prints the rest"
	if at := slices.IndexFunc(names, func(name string) bool { return strings.HasSuffix(name, "."+key) }); at >= 0 {
		otherwise = fmt.Sprintf("did you mean %s?", names[at])
	}
	return "", fmt.Errorf("info --show %s: unknown key; %s", key, command.DidYouMean(key, names, otherwise))
}

// values are all that can be shown, by key.
func values(info bootstrap.Info) map[string]string {
	d, web := info.Access, info.Person
	user, password := d.Client, d.ClientSecret
	if d.Username != "" {
		user, password = d.Username, d.Password
	}
	all := map[string]string{
		"name": info.Name, "url": info.URL, "director": info.Director, "account": info.Account, "region": info.Region,
		"perpetual": info.Program, "verified": strconv.FormatBool(info.Verified),
		"director.url": d.URL, "director.ca_cert": d.CACert, "director.client": user, "director.client_secret": password.Reveal(),
		"concourse.url": web.URL, "concourse.ca_cert": web.CACert, "concourse.username": web.Username, "concourse.password": web.Password.Reveal(),
		"gateway.host": info.Gateway, "gateway.user": "", gatewayKey: "",
	}
	if info.Gateway != "" {
		all["gateway.user"] = gatewayUser
	}
	for name, address := range info.Addresses {
		all["addresses."+name] = address
	}
	for name, version := range info.Versions {
		all["versions."+name] = version
	}
	for _, c := range info.Certificates {
		all["certificates."+c.Name+".days_left"] = strconv.Itoa(c.DaysLeft)
		all["certificates."+c.Name+".not_after"] = c.NotAfter.UTC().Format(time.RFC3339)
	}
	flat := map[string]string{}
	flatten(flat, "", info.Secrets)
	for name, value := range flat {
		all["secrets."+name] = value
		if _, taken := all[name]; !taken {
			all[name] = value
		}
	}
	return all
}

// flatten gives single values dotted names.
func flatten(into map[string]string, prefix string, from map[string]any) {
	for name, value := range from {
		if inner, ok := value.(map[string]any); ok {
			flatten(into, prefix+name+".", inner)
			continue
		}
		into[prefix+name] = fmt.Sprint(value)
	}
}
