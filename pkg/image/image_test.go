//go:build image

package image_test

import (
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	maxCompressed = 12 << 20 // bytes of the resource image's layers, everything included
	nobody        = 65532    // the user perpetual of both images
	anyone        = 12345    // a user that no image knows
)

func TestImages(t *testing.T) {
	resource, installer := buildImages(t)
	t.Run("resource", func(t *testing.T) { testResource(t, resource) })
	t.Run("installer", func(t *testing.T) { testInstaller(t, installer) })
}

func testResource(t *testing.T, name string) {
	root, size := unpack(t, name)
	t.Logf("resource image: %.2f MiB compressed (limit %d MiB)", float64(size)/(1<<20), maxCompressed>>20)
	if size > maxCompressed {
		t.Errorf("got %d bytes in compressed layers, want at most %d", size, maxCompressed)
	}
	t.Run("holds what it needs and no shell", func(t *testing.T) { holdsOnlyWhatItNeeds(t, root) })
	t.Run("has static binaries", func(t *testing.T) { hasStaticBinaries(t, root) })
	t.Run("trusts public certificates", func(t *testing.T) { trustsPublicCertificates(t, root) })
	t.Run("says what it is", func(t *testing.T) { saysWhatItIs(t, root, "perpetual") })
	t.Run("runs as root because Concourse's volumes are root's", func(t *testing.T) {
		if root.config.User != "root" {
			t.Errorf("got the user %q, want root", root.config.User)
		}
	})
	t.Run("check finds a version", func(t *testing.T) { checkFindsAVersion(t, root) })
	t.Run("check refuses malformed input", func(t *testing.T) {
		code, stdout, stderr := root.run(t, 0, `{"source": {`, "/opt/resource/check")
		if code != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 {
			t.Errorf("got exit code %d, stdout %q, stderr %q, want 1, nothing, and one line", code, stdout, stderr)
		}
	})
	t.Run("perpetual tells its version", func(t *testing.T) { tellsItsVersion(t, root) })
}

func testInstaller(t *testing.T, name string) {
	root := mount(t, name)
	t.Run("says what it is", func(t *testing.T) {
		saysWhatItIs(t, root, "perpetual installer")
		if root.config.WorkingDir != "/work" {
			t.Errorf("got the working directory %q, want /work", root.config.WorkingDir)
		}
	})
	t.Run("perpetual tells its version", func(t *testing.T) { tellsItsVersion(t, root) })
	t.Run("finds the AWS profile as the documents mount it", func(t *testing.T) { findsTheProfile(t, root) })
	t.Run("knows the user of the pipeline", func(t *testing.T) {
		runsScript(t, root, nobody, `test "$(id -un):$(id -gn)" = perpetual:perpetual && mkdir -p "$HOME/.bosh/k" "$XDG_CACHE_HOME/k" && ssh -V`)
	})
	t.Run("has an SSH client", func(t *testing.T) {
		// As root, because ssh refuses a user without a name.
		runsScript(t, root, 0, `ssh-keygen -q -t ed25519 -N "" -f k && test -s k.pub && ssh -V`)
	})
	for what, script := range map[string]string{
		"renders templates":             `ruby -r erb -r yaml -r json -r openssl -e 'print ERB.new("<%= 6*7 %>").result' | grep -qx 42`,
		"compiles and links a package":  `echo 'int main(void){return 0;}' >a.c && gcc a.c -o a -lssl -lcrypto -lz -lyaml -lxml2 -lxslt -lsqlite3 -lreadline && ./a`,
		"has make and a C++ compiler":   `printf 'a: a.cc\n\tg++ a.cc -o a\n' >Makefile && echo 'int main(){}' >a.cc && make && ./a`,
		"unpacks a release":             `echo x >f && tar -czf r.tgz f && rm f && tar -xzf r.tgz && test -s f`,
		"has a home that it may fill":   `d="$(mktemp -d "$HOME/.bosh-XXXXXX")" && touch "$d/x" && test -w /work`,
		"trusts the public authorities": `test -s /etc/ssl/certs/ca-certificates.crt`,
	} {
		// As a user whom the image does not know: `docker run --user` is the common way.
		t.Run(what, func(t *testing.T) { runsScript(t, root, anyone, script) })
	}
}

// runsScript runs a script in a directory of its own with the image's bash.
func runsScript(t *testing.T, root rootfs, uid uint32, script string) {
	code, stdout, stderr := root.run(t, uid, "", "/bin/bash", "-euc", `set -o pipefail; cd "$(mktemp -d)"; `+script)
	if code != 0 {
		t.Errorf("got exit code %d: %s%s", code, stdout, stderr)
	}
}

func holdsOnlyWhatItNeeds(t *testing.T, root rootfs) {
	var got []string
	err := filepath.WalkDir(root.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		got = append(got, strings.TrimPrefix(path, root.dir))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"/etc/group", "/etc/passwd", "/etc/ssl/certs/ca-certificates.crt",
		"/opt/resource/check", "/opt/resource/in", "/opt/resource/out", "/opt/resource/resource",
		"/usr/local/bin/perpetual",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files of the image (-want +got):\n%s", diff)
	}
	tmp, err := os.Stat(filepath.Join(root.dir, "tmp"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fs.ModeDir | fs.ModeSticky | 0o777; tmp.Mode() != want {
		t.Errorf("got the mode %v of /tmp, want %v", tmp.Mode(), want)
	}
}

func hasStaticBinaries(t *testing.T, root rootfs) {
	for _, path := range []string{"/opt/resource/resource", "/usr/local/bin/perpetual"} {
		binary, err := elf.Open(filepath.Join(root.dir, path))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = binary.Close() }()
		for _, part := range binary.Progs {
			if part.Type == elf.PT_INTERP {
				t.Errorf("%s wants a dynamic loader, which is not there", path)
			}
		}
		if info, err := os.Stat(filepath.Join(root.dir, path)); err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("got %v (%v) for %s, want mode 0755", info, err, path)
		}
		if binary.Section(".debug_info") != nil || binary.Section(".symtab") != nil {
			t.Errorf("%s is not stripped", path)
		}
	}
}

func trustsPublicCertificates(t *testing.T, root rootfs) {
	bundle, err := os.ReadFile(filepath.Join(root.dir, "etc/ssl/certs/ca-certificates.crt"))
	if err != nil {
		t.Fatal(err)
	}
	var count int
	for block, rest := pem.Decode(bundle); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			t.Errorf("certificate %d: %v", count, err)
		}
		count++
	}
	if count < 50 {
		t.Errorf("got %d certificates, want the public authorities (more than 50)", count)
	}
}

func saysWhatItIs(t *testing.T, root rootfs, title string) {
	if diff := cmp.Diff([]string{"/usr/local/bin/perpetual"}, root.config.Entrypoint); diff != "" {
		t.Errorf("entrypoint (-want +got):\n%s", diff)
	}
	for name, want := range map[string]string{
		"title":    title,
		"version":  version,
		"licenses": "Example-1.0",
	} {
		if got := root.config.Labels["org.opencontainers.image."+name]; got != want {
			t.Errorf("got the label %s %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"description", "source", "revision"} {
		if _, there := root.config.Labels["org.opencontainers.image."+name]; !there {
			t.Errorf("the label %s is missing", name)
		}
	}
}

func tellsItsVersion(t *testing.T, root rootfs) {
	code, stdout, stderr := root.run(t, anyone, "", "/usr/local/bin/perpetual", "version")
	built := regexp.MustCompile(`^` + regexp.QuoteMeta(version) + ` \(commit [0-9a-f]{40}, 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ\)\n$`)
	if code != 0 || !built.MatchString(stdout) {
		t.Errorf("got exit code %d, stdout %q, stderr %q, want 0 and %s with commit and date", code, stdout, stderr, version)
	}
}

// checkFindsAVersion lets the image ask a bosh.io of its own, over TLS with a
// private authority, as root and as the user whom Concourse may be told to use.
func checkFindsAVersion(t *testing.T, root rootfs) {
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/releases/github.com/cloudfoundry/bpm-release", func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprint(w, bpmReleases)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("asked for %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	})
	server := httptest.NewTLSServer(mux)
	defer server.Close()
	request := checkRequest(t, server)
	for name, uid := range map[string]uint32{"root": 0, "perpetual": nobody} {
		asked.Store(0)
		code, stdout, stderr := root.run(t, uid, request, "/opt/resource/check")
		if code != 0 {
			t.Fatalf("as %s: got exit code %d, stderr %q", name, code, stderr)
		}
		var versions []map[string]string
		if err := json.Unmarshal([]byte(stdout), &versions); err != nil {
			t.Fatalf("as %s: decode stdout %q: %v", name, stdout, err)
		}
		if diff := cmp.Diff([]map[string]string{{"bpm": "1.1.13"}}, versions); diff != "" {
			t.Errorf("as %s: versions (-want +got):\n%s", name, diff)
		}
		if asked.Load() == 0 {
			t.Errorf("as %s: a version was found without asking", name)
		}
	}
}

// bpmReleases is a shortened answer of bosh.io, out of order.
const bpmReleases = `[
  {"name":"github.com/cloudfoundry/bpm-release","version":"1.1.9","url":"https://bosh.io/d/github.com/cloudfoundry/bpm-release?v=1.1.9","sha1":"dcf0582d838a73de29da273552ae79ac3098ee8b"},
  {"name":"github.com/cloudfoundry/bpm-release","version":"1.1.13","url":"https://bosh.io/d/github.com/cloudfoundry/bpm-release?v=1.1.13","sha1":"82322898b2393951108617caac43752e498632a2"},
  {"name":"github.com/cloudfoundry/bpm-release","version":"1.1.12","url":"https://bosh.io/d/github.com/cloudfoundry/bpm-release?v=1.1.12","sha1":"502e9446fa34accaf122ad2b28b6ffa543d5bbca"}
]`

func checkRequest(t *testing.T, server *httptest.Server) string {
	t.Helper()
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	request, err := json.Marshal(map[string]any{"source": map[string]any{
		"watch":   map[string]any{"bpm": map[string]any{"release": "github.com/cloudfoundry/bpm-release"}},
		"bosh_io": map[string]any{"url": server.URL, "ca_cert": string(authority)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return string(request)
}
