package createenv_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// state is what these tests read of the state document.
type state struct {
	VM       string `json:"current_vm_cid"`
	Disk     string `json:"current_disk_id"`
	Stemcell string `json:"current_stemcell_id"`
	SHA      string `json:"current_manifest_sha"`
	Disks    []struct{ ID, CID string }
	Stems    []struct{ ID, CID, Version string } `json:"stemcells"`
}

// whole fails unless the cloud holds exactly what the manifest wants, all of it is
// in the state, the VM runs, and no secret is left.
func (w *world) whole(m manifest) {
	w.t.Helper()
	var s state
	if err := json.Unmarshal([]byte(w.documents.body("run/environment/state.json")), &s); err != nil {
		w.t.Fatalf("state %q: %v", w.documents.body("run/environment/state.json"), err)
	}
	vms, disks, stemcells := w.cloud.VMs(), w.cloud.Disks(), w.cloud.Stemcells()
	switch {
	case len(vms) != 1 || vms[0].CID != s.VM:
		w.t.Errorf("VMs %+v, state %s", vms, s.VM)
	case vms[0].State != "running":
		w.t.Errorf("the VM is %s", vms[0].State)
	}
	wanted := 0
	if m.disk > 0 {
		wanted = 1
	}
	if len(disks) != wanted || len(s.Disks) != wanted {
		w.t.Errorf("disks %+v, state %+v, want %d", disks, s.Disks, wanted)
	} else if wanted == 1 && (disks[0].CID != s.Disks[0].CID || s.Disk != s.Disks[0].ID || disks[0].Size != m.disk ||
		strings.Join(vms[0].Mounted, " ") != disks[0].CID) {
		w.t.Errorf("disk %+v, state %+v, mounted %q", disks[0], s, vms[0].Mounted)
	}
	version := m.stemcell
	if version == "" {
		version = "1"
	}
	if len(stemcells) != 1 || len(s.Stems) != 1 || stemcells[0].CID != s.Stems[0].CID || s.Stemcell != s.Stems[0].ID ||
		s.Stems[0].Version != version || len(vms) == 1 && vms[0].Stemcell != stemcells[0].CID {
		w.t.Errorf("stemcells %+v, state %+v", stemcells, s)
	}
	if s.SHA == "" {
		w.t.Error("the state does not say what is deployed")
	}
	w.clean()
}

// gone fails if anything of the environment is left.
func (w *world) gone() {
	w.t.Helper()
	if n := len(w.cloud.VMs()) + len(w.cloud.Disks()) + len(w.cloud.Stemcells()); n != 0 {
		w.t.Errorf("left: %+v %+v %+v", w.cloud.VMs(), w.cloud.Disks(), w.cloud.Stemcells())
	}
	for _, name := range []string{"run/environment/state.json", "run/environment/cpi.json", "run/environment/manifest.json"} {
		if body := w.documents.body(name); body != "" {
			w.t.Errorf("%s is left: %s", name, body)
		}
	}
	w.clean()
}

// clean fails if a secret is in a file of the workspace, packed or not, or in a
// document.
func (w *world) clean() {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if holds(body) {
			w.t.Errorf("%s holds a secret", path)
		}
		return nil
	})
	if err != nil {
		w.t.Error(err)
	}
	for _, name := range []string{"run/environment/state.json", "run/environment/cpi.json", "run/environment/manifest.json"} {
		if strings.Contains(w.documents.body(name), secretMark) {
			w.t.Errorf("%s holds a secret: %s", name, w.documents.body(name))
		}
	}
	for _, e := range w.events {
		if strings.Contains(e.Step+e.Reason, secretMark) {
			w.t.Errorf("event %+v holds a secret", e)
		}
	}
}

// holds looks for a secret, also in a tarball and the tarballs in it.
func holds(body []byte) bool {
	if bytes.Contains(body, []byte(secretMark)) {
		return true
	}
	for at := 0; ; at++ {
		next := bytes.Index(body[at:], []byte{0x1f, 0x8b, 8})
		if next < 0 {
			return false
		}
		at += next
		if zip, err := gzip.NewReader(bytes.NewReader(body[at:])); err == nil {
			zip.Multistream(false)
			inner, _ := io.ReadAll(io.LimitReader(zip, 1<<24))
			if holds(inner) {
				return true
			}
		}
	}
}
