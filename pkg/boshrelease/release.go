// Package boshrelease makes the BOSH release "perpetual", which runs beside a
// Concourse on its VMs. It has jobs only, no packages, so that nothing of it is
// compiled. Each job is a folder of jobs/, laid out as a director wants it:
// job.MF, monit and templates/. Nothing in them is rendered, see gate's post-start.
package boshrelease

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
)

// Name is the release's name in manifests and on a director.
const Name = "perpetual"

// GateJob is the job for instance groups with the job web: its post-start lets
// BOSH go on only when that web answers and takes workers.
const GateJob = "gate"

// version is raised by hand with every change of a job. A director refuses another
// fingerprint under a version that it knows (30013), and VMs of users have what
// was published under it.
const version = "1.0.0"

// Version is the release's version: "1.0.0".
func Version() string { return version }

// Archive is the release as a file to upload: a gzipped tar archive, the same
// bytes every time.
func Archive() []byte { return archive() }

var archive = sync.OnceValue(func() []byte {
	list := jobs()
	members := []member{{"release.MF", releaseManifest(list)}}
	for _, j := range list {
		members = append(members, member{"jobs/" + j.name + ".tgz", j.archive()})
	}
	return tarball(members)
})

// releaseManifest is the release.MF. A director compares the commit hash of a
// version that it has with that of an upload (30014); there is no commit here,
// so it is made of what the version stands for.
func releaseManifest(list []job) []byte {
	var text strings.Builder
	prints := sha256.New()
	for _, j := range list {
		_, _ = fmt.Fprintln(prints, j.name, j.fingerprint())
	}
	_, _ = fmt.Fprintf(&text, "name: %s\nversion: %q\ncommit_hash: %q\nuncommitted_changes: false\njobs:\n",
		Name, version, hex.EncodeToString(prints.Sum(nil))[:7])
	for _, j := range list {
		print, sum := j.fingerprint(), sha256.Sum256(j.archive())
		_, _ = fmt.Fprintf(&text, "- name: %s\n  version: %q\n  fingerprint: %q\n  sha1: %q\n  packages: []\n",
			j.name, print, print, "sha256:"+hex.EncodeToString(sum[:]))
	}
	text.WriteString("packages: []\n")
	return []byte(text.String())
}
