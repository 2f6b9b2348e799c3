package cpi

import (
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi/tarball"
)

// script is bin/cpi: it hands the request to the cloud and prints the answer. It
// needs bash only, and starts no other program: a run of create-env calls it many times.
// It waits for the whole request before it does anything, as CPIs do, and a half one
// changes nothing.
const script = `#!/bin/bash
LC_ALL=C
token='<%= p(%TOKEN%, "") %>'
IFS= read -r -d '' request
exec 3<>/dev/tcp/%HOST%/%PORT% || exit 1
printf 'POST /cpi HTTP/1.0\r\nToken: %s\r\nContent-Length: %s\r\n\r\n%s' "$token" "${#request}" "$request" >&3
while IFS= read -r line <&3; do
  line=${line%$'\r'}
  [ -n "$line" ] || break
done
IFS= read -r -d '' answer <&3
[ -n "$answer" ] || { echo "the cloud gave no answer" >&2; exit 1; }
printf '%s' "$answer"
`

// CPIRelease is a source release whose job's bin/cpi is a client of the cloud.
// tokenProperty is the property whose value it sends along, "cpi.token": a
// secret, to be looked for where it must not be.
func (c *Cloud) CPIRelease(name, job, version, tokenProperty string) (tarball.Archive, error) {
	host, port, _ := strings.Cut(c.Address(), ":")
	text := strings.NewReplacer("%HOST%", host, "%PORT%", port, "%TOKEN%", `"`+tokenProperty+`"`).Replace(script)
	return tarball.Release{
		Name: name, Version: version, Packages: []string{job + "-package"},
		Jobs: []tarball.Job{{
			Name: job, Templates: map[string]string{"bin/cpi": text},
			Properties: []string{tokenProperty}, Packages: []string{job + "-package"},
		}},
	}.Archive()
}
