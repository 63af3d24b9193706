import { zodResolver } from '@hookform/resolvers/zod';
import * as z from 'zod/mini';
import { MIN_LENGTH } from './strength';

const schema = z.object({
  reset_token: z.string().check(z.trim(), z.minLength(1, 'Enter the code that the administrator gave you.')),
  new_password: z.string().check(z.minLength(MIN_LENGTH, `Use at least ${MIN_LENGTH} characters.`)),
});

export type Values = z.infer<typeof schema>;

export default zodResolver(schema);
