import { zodResolver } from '@hookform/resolvers/zod';
import * as z from 'zod/mini';

const schema = z.object({
  username_or_email: z.string().check(z.trim(), z.minLength(1, 'Enter your user name or e-mail address.')),
  password: z.string().check(z.minLength(1, 'Enter your password.')),
});

export type Values = z.infer<typeof schema>;

export default zodResolver(schema);
