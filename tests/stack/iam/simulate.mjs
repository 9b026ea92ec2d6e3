// Asks @cloud-copilot/iam-simulate, an IAM engine that somebody else wrote, for its decisions.
// stdin:  [{"identity": policy or null, "resource": policy or null, "organization": SCP or null,
//           "cases": [{"principal", "action", "arn", "account", "context"}]}]
// stdout: for each of them a list of decisions, as "Allowed" or "ImplicitlyDenied"
// The argument is the folder that holds node_modules: nothing is installed into this checkout.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { runSimulation } = createRequire(`${process.argv[2]}/`)('@cloud-copilot/iam-simulate')

const organization = (policy) => [
  { name: 'FullAWSAccess', policy: { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] } },
  { name: 'ours', policy },
]

const decide = async (question, { principal, action, arn, account, context }) => {
  const { identity, resource, organization: scp } = question
  const answer = await runSimulation({
    request: {
      principal,
      action,
      resource: { resource: arn, accountId: account },
      contextVariables: context,
    },
    identityPolicies: identity ? [{ name: 'identity', policy: identity }] : [],
    resourcePolicy: resource ?? undefined,
    serviceControlPolicies: scp ? [{ orgIdentifier: 'root', policies: organization(scp) }] : [],
    resourceControlPolicies: [],
  }, {})
  if (answer.resultType === 'error') throw new Error(`${action}: ${JSON.stringify(answer.errors)}`)
  return answer.overallResult
}

const questions = JSON.parse(readFileSync(0, 'utf8'))
const decisions = []
for (const question of questions) {
  decisions.push(await Promise.all(question.cases.map((asked) => decide(question, asked))))
}
process.stdout.write(JSON.stringify(decisions))
