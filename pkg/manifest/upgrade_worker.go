package manifest

import (
	"errors"

	"github.com/perpetual-ci/perpetual/pkg/template"
)

// upgradeWorkerDisk is the ephemeral disk of the self-upgrade's worker, in MiB: the two
// images, a component set, and what create-env compiles of the CPI fit many times.
const upgradeWorkerDisk = 50 * 1024

// upgradeWorker is the tag of the worker that runs the self-upgrade alone, "" if any
// worker runs it.
func (in Input) upgradeWorker() string {
	if in.elsewhere() {
		return ""
	}
	return in.Config.Upgrade.WorkerTag
}

// upgradeWorkerOps make the self-upgrade's worker known to the cloud config. It is no
// spot instance: one that is reclaimed would take a running upgrade with it.
func (in Input) upgradeWorkerOps() ([]template.Operation, error) {
	if in.upgradeWorker() == "" {
		return nil, nil
	}
	groups := in.Infrastructure.SecurityGroups
	if groups.UpgradeWorker == "" {
		return nil, errors.New("render the cloud config: the stack has no security group for the worker of upgrade.worker_tag; perpetual deploy by hand creates it")
	}
	extension := vars{"security_groups": []any{groups.VMs, groups.UpgradeWorker}}
	if profile := in.Infrastructure.Profiles.Worker; profile != "" {
		extension["iam_instance_profile"] = profile
	}
	return []template.Operation{
		template.Replace("/vm_types/-", vars{"name": "upgrade-worker", "cloud_properties": vars{
			// The director's: it has what create-env needs, and every zone in use offers it.
			"instance_type":  in.InstanceTypes.Director,
			"ephemeral_disk": vars{"size": upgradeWorkerDisk, "type": "gp3", "encrypted": true},
		}}),
		template.Replace("/vm_extensions/-", vars{"name": "upgrade-worker", "cloud_properties": extension}),
	}, nil
}

// tagOps have the pipeline's checks and steps run on the self-upgrade's worker.
func (in Input) tagOps() ([]template.File, error) {
	tag := in.upgradeWorker()
	if tag == "" {
		return nil, nil
	}
	var list []template.Operation
	for _, path := range []string{
		"/resource_types/name=perpetual", "/resources/name=components", "/resources/name=finished-deployment",
		"/jobs/name=upgrade/plan/get=components", "/jobs/name=upgrade/plan/task=deploy", "/jobs/name=verify/plan/get=finished-deployment",
	} {
		list = append(list, template.Replace(path+"/tags?", []any{tag}))
	}
	file, err := template.Ops("upgrade.worker_tag", list...)
	return []template.File{file}, err
}
