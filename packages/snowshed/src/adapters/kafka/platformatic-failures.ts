/** Whether a failure, or one of those it is made of, has this name in the protocol. @internal */
export function said(error: unknown, apiId: string): boolean {
  const { errors, cause, apiId: own } = (error ?? {}) as { errors?: unknown; cause?: unknown; apiId?: unknown };
  if (own === apiId) return true;
  if (Array.isArray(errors) && errors.some((member) => said(member, apiId))) return true;
  return cause !== undefined && said(cause, apiId);
}
