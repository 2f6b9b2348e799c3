package createenv_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/createenv"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/cpi"
)

// A disk that is full when the CPI would be asked: it is not asked, as its answer
// could not be kept.
func TestCreate_onADiskThatIsFull(t *testing.T) {
	t.Parallel()
	w := newQuickWorld(t, cpi.Options{})
	if err := syscall.Mount("tmpfs", w.dir, "tmpfs", 0, "size=16m"); err != nil {
		t.Skip("this needs a small file system of its own, which only root may mount: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(w.dir, 0); err != nil {
			t.Error(err)
		}
	})
	o := w.options()
	o.Progress = func(e createenv.Event) {
		if strings.HasPrefix(e.Step, "Creating VM") && e.Status == createenv.Started {
			w.fill()
		}
	}
	e, err := createenv.New(o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = e.Create(t.Context(), w.request(disk1))
	if err == nil {
		t.Fatalf("no error, VMs %+v", w.cloud.VMs())
	}
	if !strings.Contains(err.Error(), "no space left") || len(w.cloud.VMs()) != 0 {
		t.Errorf("error %v, VMs %+v", err, w.cloud.VMs())
	}
	if !strings.Contains(err.Error(), "there is stemcell sc-1") {
		t.Errorf("error %v does not name the stemcell", err)
	}
	if err := os.Remove(filepath.Join(w.dir, "filler")); err != nil {
		t.Fatal(err)
	}
	w.create(disk1)
	w.whole(disk1)
}

// fill leaves no room in the workspace.
func (w *world) fill() {
	f, err := os.Create(filepath.Join(w.dir, "filler"))
	for err == nil {
		_, err = f.Write(make([]byte, 1<<12))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		w.t.Error(err)
	}
	_ = f.Close()
}
