package image_test

import (
	"os"
	"strings"
	"testing"
)

// machine is a Debian on which everything is there already.
func machine(changes map[string]string) map[string]string {
	programs := map[string]string{
		"id":          "echo 0",
		"go":          "echo go1.26.8",
		"apt-get":     `echo "apt-get $*" >>"$LOG"`,
		"debootstrap": `echo "debootstrap $*" >>"$LOG"`,
		"umoci":       "exit 0",
		"buildah":     `echo "buildah $*" >>"$LOG"`,
	}
	for name, body := range changes {
		if body == "" {
			delete(programs, name)
		} else {
			programs[name] = body
		}
	}
	return programs
}

func TestLocalBases_usesWhatExists(t *testing.T) {
	t.Parallel()
	needCertificates(t)
	got := runScript(t, "local-bases.sh", machine(nil))
	want := "export DEBIAN_BASE=localhost/debian:bookworm-slim\nexport GO_BASE=localhost/golang:1.26.8-bookworm\n"
	if got.code != 0 || got.stdout != want {
		t.Errorf("got exit code %d and %q, want %q; stderr: %s", got.code, got.stdout, want, got.stderr)
	}
	for _, call := range got.calls {
		if !strings.HasPrefix(call, "buildah inspect ") {
			t.Errorf("called %q although both images exist", call)
		}
	}
}

func TestLocalBases_saysWhatIsMissing(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		machine map[string]string
		want    string
	}{
		"no root":    {machine(map[string]string{"id": "echo 1000"}), "root is needed"},
		"no Debian":  {machine(map[string]string{"apt-get": ""}), "Debian is needed"},
		"no Go":      {machine(map[string]string{"go": ""}), "Go is needed"},
		"no network": {machine(map[string]string{"umoci": "", "apt-get": "exit 100"}), "update the package lists"},
		"no archive": {machine(map[string]string{"buildah": `[ "$1" != inspect ]`}), "find a Debian archive"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "no network" || name == "no archive" {
				needCertificates(t)
			}
			got := runScript(t, "local-bases.sh", test.machine)
			if got.code != 1 || got.stdout != "" || !strings.Contains(got.stderr, test.want) {
				t.Errorf("got exit code %d, stdout %q, stderr %q, want 1, nothing, and %q", got.code, got.stdout, got.stderr, test.want)
			}
		})
	}
}

func TestLocalBases_fetchesThePackageListsOfANewMachine(t *testing.T) {
	t.Parallel()
	needCertificates(t)
	got := runScript(t, "local-bases.sh", machine(map[string]string{
		"buildah": `[ "$1" != inspect ]`,
		"apt-get": `if [ "$1" = update ]; then echo "apt-get update" >>"$LOG"
elif [ -s "$LOG" ]; then echo 'Debian|Debian|main|https://mirror.example.com/debian/'; fi`,
		"debootstrap": `echo "debootstrap $*" >>"$LOG"; exit 1`,
	}))
	if len(got.calls) != 2 || got.calls[0] != "apt-get update" || !strings.HasSuffix(got.calls[1], " https://mirror.example.com/debian/") {
		t.Errorf("called %q, want the lists fetched once and then debootstrap; stderr: %s", got.calls, got.stderr)
	}
}

func TestLocalBases_leavesNothingBehindWhenItFails(t *testing.T) {
	t.Parallel()
	needCertificates(t)
	dir := t.TempDir()
	got := runScript(t, "local-bases.sh", machine(map[string]string{
		"buildah":     `[ "$1" != inspect ]`,
		"apt-get":     "echo 'Debian|Debian|main|https://mirror.example.com/debian/'",
		"debootstrap": `echo "debootstrap $*" >>"$LOG"; exit 1`,
	}), "TMPDIR="+dir)
	if got.code != 1 || !strings.Contains(got.stderr, "debootstrap ended with an error") {
		t.Errorf("got exit code %d and stderr %q, want 1 and debootstrap's failure", got.code, got.stderr)
	}
	if len(got.calls) != 1 || !strings.HasSuffix(got.calls[0], " https://mirror.example.com/debian/") {
		t.Errorf("called %q, want debootstrap alone, with the archive that apt names", got.calls)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left %v in the temporary directory (%v)", left, err)
	}
}

func needCertificates(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/etc/ssl/certs/ca-certificates.crt"); err != nil {
		t.Skipf("the machine's certificates are absent: %v", err)
	}
}
